"""Which expressions are equal: those that agree at fixed points of their variables, to 25 digits.

That is Schwartz and Zippel's test, over the reals. It decides in bounded time what algebra would have to search for,
and it gives each expression its class without another one to compare it with.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from fractions import Fraction

from tts_bench.tasks.answers.evaluation import Undefined, coordinate, evaluate, imaginary, variables
from tts_bench.tasks.answers.numbers import SHOWN, Value, context, inexact, settled, shown
from tts_bench.tasks.answers.syntax import Node, Unreadable

Point = Mapping[str, Value]  # the value of each variable
Function = Callable[[Point, bool], Value]  # of the values of its variables, and whether it has to be real

_POSITIVE = (0, 1)  # places of points where every variable is positive; see `evaluation.coordinate`
_BELOW, _ALONE = 2, 3  # all variables below zero, and the one that is so alone
_LARGE, _LARGE_BELOW = 4, 5  # |x-6|+|x+6| is 12 only near zero, and |x-5| is 5-x
_CHOICES = ("a", "b", "c", "d")  # letters of answers to choose from, in any case


def described(tree: Node) -> str:
    """The class of an expression: a number as itself, a variable by its name, others by a value and a digest of all.

    Raises:
        Undefined: it has no value, such as 1/0.
        Unreadable: it is too large.
    """
    if tree.op == "symbol":
        return _named(tree.name)
    names = variables(tree)
    real = not imaginary(tree)
    return summary(names, lambda at, signed: evaluate(tree, at, real=real and signed))


def summary(names: frozenset[str], function: Function) -> str:
    """As `described`, of a function of these variables; its second argument says that no complex value may occur.

    A point at which one variable is negative counts where the expression is real: |x| is not x, |xy| is not xy, and the
    root of x^2 y is not x times that of y. One at which all are counts where all of those do, so that the root of xy is
    that of x times that of y. Of the large points those count where the expression has a value that can be worked out.
    """
    found: list[tuple[Point, str]] = []

    def note(points: Iterable[Point], *, signed: bool) -> None:
        found.extend([(at, shown(settled(function(at, signed)))) for at in points])

    note([_at(names, place) for place in (_POSITIVE if names else _POSITIVE[:1])], signed=False)
    if names:
        with suppress(Undefined, Unreadable):
            note([_at(names, _LARGE)], signed=True)
        before = len(found)
        for at in _alone_below(names):
            with suppress(Undefined):
                note([at], signed=True)
        if len(found) - before == len(names):
            with suppress(Undefined):
                note([_at(names, _BELOW)], signed=True)
                with suppress(Unreadable):
                    note([_at(names, _LARGE_BELOW)], signed=True)
    values = [value for _, value in found]
    if len(set(values)) == 1:
        return values[0]
    for name in sorted(names):
        if all(value == shown(settled(at[name])) for at, value in found):
            return _named(name)
    return f"{_sample(names, function)} #{_digest(values)}"


def _named(name: str) -> str:
    return name.upper() if name in _CHOICES else name


def _alone_below(names: frozenset[str]) -> Iterator[Point]:
    """Each variable below zero while the others are above it: |xy| is xy where both are below."""
    for name in sorted(names):
        yield {**_at(names, _POSITIVE[-1]), name: coordinate(name, _ALONE)}


def _sample(names: frozenset[str], function: Function) -> str:
    """A value at a point that a person can check: `x=1.7: 3.89`."""
    points = {name: Fraction(17 + 6 * place, 10) for place, name in enumerate(sorted(names))}
    try:
        value = context().nstr(inexact(function(points, False)), 6)
    except (Undefined, Unreadable):
        value = "?"
    return f"{', '.join(f'{name}={float(at)}' for name, at in points.items())}: {value}"


def digest_of_ratios(names: frozenset[str], function: Function, *, signed: bool) -> str:
    """A digest of a function up to a factor, a positive one if `signed`.

    Raises:
        Undefined: it is zero, or has no value.
        Unreadable: it is too large.
    """
    mp = context()
    points = [*(_at(names, place) for place in (*_POSITIVE, _BELOW)), *_alone_below(names)]
    values = [inexact(function(at, False)) for at in points]
    if any(value == 0 for value in values):
        raise Undefined("zero")
    for place in (_LARGE, _LARGE_BELOW):
        with suppress(Undefined, Unreadable):
            values.append(inexact(function(_at(names, place), False)))
    first = abs(values[0]) if signed else values[0]
    return _digest([mp.nstr(value / first, SHOWN) for value in values])


def _digest(values: Sequence[str]) -> str:
    return hashlib.blake2b("|".join(values).encode(), digest_size=6).hexdigest()


def _at(names: frozenset[str], place: int) -> dict[str, Value]:
    return {name: coordinate(name, place) for name in names}
