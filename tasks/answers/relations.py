r"""Equations, inequalities and membership: `x = 5` says 5, `2 \le x` says [2, oo), a line is a line in any form."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction

from tts_bench.tasks.answers import intervals, units, words
from tts_bench.tasks.answers.evaluation import Undefined, evaluate, variables
from tts_bench.tasks.answers.forms import Form, one
from tts_bench.tasks.answers.identity import digest_of_ratios, summary
from tts_bench.tasks.answers.numbers import Value, context, inexact, is_real, settled, shown
from tts_bench.tasks.answers.spelling import split, tight, without_text
from tts_bench.tasks.answers.syntax import Node, Unreadable, number, parse

Reading = Callable[[str], Form]

_RELATION = re.compile(r"\\(?:le|ge|ne|approx|in|notin|equiv|to)(?![A-Za-z])|[=<>]")
_LETTER = r"(?:[A-Za-z]|\\[A-Za-z]+)(?:_(?:\{[^{}]*\}|\w|\\[A-Za-z]+))?'*"
_SYMBOL = re.compile(rf"\s*{_LETTER}\s*")
_NAME = re.compile(
    rf"\s*(?:{_LETTER}(?:\^\{{-1\}})?\s*(?:\([^()]*\))?"
    r"|(?:m ?)?\\(?:angle|triangle|overline|vec|widehat|hat|mathbf|arc)\b[ {]*[A-Za-z]+\}?"
    r"|\([A-Za-z ,_0-9{}\\']+\)|\([a-z]\)|\\frac\{d[^{}]*\}\{d[^{}]*\}|\|[A-Z]{2}\|"
    r"|(?P<words>[A-Za-z][A-Za-z' .]*))\s*"
)
_OPERATION = re.compile(r"\s*\\(?:i?int|sum|prod|lim|det|dim|gcd|max|min)(?![A-Za-z])")  # worked out in an equation
_DECIMAL = re.compile(r"[-+(]?\s*(?:\\?\$)?\s*\d*\.\d")
_DERIVATIVE = re.compile(r"\\frac\{\s*d[^{}]*\}\{\s*d[^{}]*\}")
_NO_NAMES = ("pi", "infty", "frac", "sqrt", "sin", "cos", "tan", "ln", "log", "exp")
_ABSOLUTE = re.compile(r"\s*\|([^|]+)\|\s*")
_AFAR = (3, -2, 41, -37)  # where a function that is linear goes on as it began; |x-5| does so up to 5
_FLIPPED = {"<": ">", ">": "<", r"\le": r"\ge", r"\ge": r"\le"}
_BOUNDING = {*_FLIPPED, r"\ne", r"\in", r"\notin", "="}  # relations that say in which set one unknown is


def read(text: str, form: Reading) -> Form | None:
    """What a chain of relations says; None where there is no relation."""
    sides, marks = _chain(text)
    if not marks:
        return None
    if not any(side.strip() for side in sides):
        return one(tight(text))
    if r"\in" in marks:
        return form(sides[-1])
    if marks == [r"\notin"]:
        return one(intervals.without(intervals.ALL, form(sides[-1]).parts))
    if r"\equiv" in marks or r"\to" in marks:
        return one(tight(without_text(text)))
    try:
        if set(marks) <= {"=", r"\approx"}:
            return _equation(sides, marks, form)
        return one(_inequality(sides, marks, form))
    except (Unreadable, Undefined):
        return one(tight(without_text(text)))


def bounds(text: str, name: str) -> bool:
    """Whether `text` is a relation that bounds one unknown alone."""
    sides, marks = _chain(text)
    return bool(marks) and set(marks) <= _BOUNDING and _unknowns(sides, marks) == {name}


def _chain(text: str) -> tuple[list[str], list[str]]:
    """The sides of a chain of relations, and the relations between them."""
    marks: list[str] = []
    return split(text, _RELATION, marks), marks


def is_name(side: str) -> bool:
    """Whether a side of an equation names what the other side is worth: x, f(x), (x, y), an angle, a word."""
    flat = without_text(side)
    match = _NAME.fullmatch(flat)
    if (
        not match
        or any(re.search(rf"(?<![A-Za-z])\\?{name}(?![A-Za-z])", flat) for name in _NO_NAMES)
        or flat.strip() in ("e", "i")
    ):
        return False
    return (
        not match["words"] or any(words.is_word(run) for run in re.findall("[A-Za-z]+", flat)) or len(flat.strip()) == 1
    )


def _equation(sides: Sequence[str], marks: Sequence[str], form: Reading) -> Form:
    """An unknown that is named has the value of the other side; what is worked out has that of the last side."""
    if r"\approx" in marks and "=" in marks:  # what was exact before it was rounded
        sides = sides[: marks.index(r"\approx") + 1] if marks[0] == "=" else sides
    sides = [side for side in sides if side.strip()]
    if len(sides) == 1:
        return form(sides[0])
    left, right = sides[0], sides[-1]
    if marks == [r"\approx"] and _is_rounded(right, left):
        return form(left)
    if len(sides) > 2:
        return form(right)
    if _DERIVATIVE.search(left + right) and not _DERIVATIVE.fullmatch(left):
        pass
    elif (
        (is_name(left) or _OPERATION.match(left))
        and not (is_name(right) and _SYMBOL.fullmatch(left) and _SYMBOL.fullmatch(right))
        and not _recurs(left, right)
    ):
        return form(right)
    elif is_name(right) and not is_name(left) and not _recurs(right, left):
        return form(left)
    trees = parse(units.without_units(left)), parse(units.without_units(right))
    names = variables(trees[0]) | variables(trees[1])
    return _solved(trees, names) if names else form(right)


def _is_rounded(decimal: str, exact: str) -> bool:
    r"""Whether a decimal only shows the size of an exact value: 12\pi is the answer, and 37.7 about as much.

    Where a decimal was rounded, or a value to a whole number, the problem asked for that.
    """
    if not _DECIMAL.match(decimal) or re.search(r"\.\d", exact) or is_name(exact):
        return False
    return not _has_variables(units.without_units(units.without_currency(exact)))


def _recurs(name: str, side: str) -> bool:
    """Whether a symbol stands on the other side too; of f(x) that is f, and what is in brackets alone is no symbol."""
    symbol = without_text(name)  # of f(x), other values may well be known: I(t) = I(0)e^{-t}
    if not _SYMBOL.fullmatch(symbol):
        return False
    try:
        return bool(symbol.strip() and variables(parse(symbol)) & variables(parse(side)))
    except Unreadable:
        return False


def _difference(trees: tuple[Node, Node]) -> Node:
    return Node("+", (trees[0], Node("*", (number(-1), trees[1]))))


def _solved(trees: tuple[Node, Node], names: frozenset[str]) -> Form:
    """An equation as the value of the last of its variables in which it is linear, or else up to a factor."""
    difference = _difference(trees)
    for name in sorted(names, key=_dependence, reverse=True):
        if root := _linear_root(difference, name, names - {name}):
            return one(root)
    digest = digest_of_ratios(names, lambda at, signed: evaluate(difference, at), signed=False)
    return one(f"equation in {', '.join(sorted(names))} #{digest}")


def _dependence(name: str) -> tuple[bool, bool, str]:
    """A derivative, then z, y and x, depend on the other variables."""
    return name.startswith("d") and len(name) > 2, name in ("x", "y", "z"), name


def _linear_root(difference: Node, name: str, others: frozenset[str]) -> str | None:
    """Where an expression that is linear in `name` is zero, as a function of the other variables."""

    def root(at: Mapping[str, Value], signed: bool) -> Value:
        values = [evaluate(difference, {**at, name: Fraction(place)}) for place in (0, 1, *_AFAR)]
        exact = all(isinstance(value, Fraction) for value in values)
        mp = context()
        zero, one, *afar = values if exact else [mp.mpmathify(inexact(value)) for value in values]
        slope = one - zero
        size = max(map(abs, (zero, one, *afar)))
        bend = sum(abs(zero + place * slope - value) for place, value in zip(_AFAR, afar, strict=True))
        if bend > (0 if exact else size * mp.mpf(10) ** -40) or slope == 0 or abs(slope) * 10**40 < size:
            raise Undefined("not linear")
        return -zero / slope

    try:
        return summary(others, root)
    except Undefined:
        return None


def _inequality(sides: Sequence[str], marks: Sequence[str], form: Reading) -> str:
    """An interval where one unknown is bounded, a chain in rising order, or two expressions compared."""
    ordered, rising = list(sides), list(marks)
    if all(mark in (">", r"\ge") for mark in marks):
        ordered, rising = ordered[::-1], [_FLIPPED[mark] for mark in reversed(marks)]
    if (
        len(sides) == 3
        and all(mark in ("<", r"\le") for mark in rising)
        and is_name(ordered[1])
        and not is_name(ordered[0])
    ):
        low, high = form(ordered[0]).text, form(ordered[2]).text
        return f"{'(['[rising[0] != '<']}{low}, {high}{')]'[rising[1] != '<']}"
    if len(sides) == 3 and all(mark in ("<", r"\le") for mark in rising) and not any(map(_has_variables, ordered[::2])):
        halves = [_inequality(ordered[place : place + 2], rising[place : place + 1], form) for place in (0, 1)]
        if between := _meeting(halves):
            return between
    if len(sides) > 2:
        return " ".join(part for pair in zip(map(tight, ordered), [*rising, ""], strict=True) for part in pair).strip()
    mark = marks[0]
    for name, bound, way in ((sides[0], sides[1], mark), (sides[1], sides[0], _FLIPPED.get(mark, mark))):
        if is_name(name) and not is_name(bound) and not _recurs(name, bound) and not _has_variables(bound):
            return _half_line(form(bound).text, way)
        if way != r"\ne" and (distance := _ABSOLUTE.fullmatch(name)) and _is_positive(bound):
            near = _inequality((distance[1], bound), (way,), form)
            far = _inequality((distance[1], f"-({bound})"), (_FLIPPED[way],), form)
            return (way in ("<", r"\le") and _meeting((near, far))) or intervals.union((near, far))
    return _compared(sides, mark)


def _meeting(sets: Sequence[str]) -> str | None:
    """What is in all of these sets, if anything is."""
    found = intervals.intersection(sets)
    return found if found != intervals.NONE else None


def _is_positive(side: str) -> bool:
    try:
        tree = parse(side)
        found = settled(evaluate(tree, {})) if not variables(tree) else Fraction(0)
        return is_real(found) and found > 0
    except (Unreadable, Undefined):
        return False


def _variables(side: str) -> frozenset[str]:
    try:
        return variables(parse(side))
    except Unreadable:
        return frozenset()


def _has_variables(side: str) -> bool:
    return bool(_variables(side))


def _half_line(bound: str, mark: str) -> str:
    if mark == r"\ne":
        return intervals.without(intervals.ALL, [bound])
    return {"<": f"(-oo, {bound})", r"\le": f"(-oo, {bound}]", ">": f"({bound}, oo)", r"\ge": f"[{bound}, oo)"}[mark]


def _compared(sides: Sequence[str], mark: str) -> str:
    trees = parse(sides[0]), parse(sides[1])
    difference = _difference(trees)
    names = variables(difference)
    if len(names) == 1:
        name = next(iter(names))
        root = _linear_root(difference, name, frozenset())
        if root is not None:
            low, high = (settled(evaluate(difference, {name: Fraction(place)})) for place in (0, 1))
            if not (is_real(low) and is_real(high)):
                raise Undefined("complex numbers have no order")
            rising = low < high
            return _half_line(root, mark if rising else _FLIPPED.get(mark, mark))
    if mark in (">", r"\ge"):
        difference, mark = Node("*", (number(-1), difference)), _FLIPPED[mark]
    if not names:
        return f"{shown(settled(evaluate(trees[0], {})))} {mark} {shown(settled(evaluate(trees[1], {})))}"
    digest = digest_of_ratios(names, lambda at, signed: evaluate(difference, at), signed=mark != r"\ne")
    return f"{', '.join(sorted(names))} {mark} #{digest}"


def assignment(parts: Sequence[str]) -> list[str] | None:
    """The values of several unknowns in the order of their names; None where the parts are anything else."""
    values: dict[str, str] = {}
    for part in parts:
        sides, marks = _chain(part)
        if marks != ["="] or not _SYMBOL.fullmatch(without_text(sides[0])) or not is_name(sides[0]):
            return None
        values[tight(sides[0])] = sides[1]
    if len(values) < len(parts) or len({name.partition("_")[0] for name in values}) < len(parts):
        return None  # x_1 and x_2 are the roots of one equation, in any order
    return [values[name] for name in sorted(values)]


def joined(forms: Sequence[str], parts: Sequence[str], *, either: bool) -> str | None:
    """Relations that bound one unknown: any of them (`or`), or all; sets that do not meet are alternatives anyway."""
    chains = [_chain(part) for part in parts]
    if chains[0][1] == [r"\ne"] and not any(marks for _, marks in chains[1:]):  # x is neither of several numbers
        return intervals.without(forms[0], forms[1:]) if all(map(intervals.is_set, forms)) else None
    told = [set(marks) for _, marks in chains]
    if not all(marks and marks <= _BOUNDING for marks in told) or all(marks == {"="} for marks in told):
        return None
    if len({_unknowns(*chain) for chain in chains}) > 1:
        return None  # bounds of one unknown each
    if either:
        return intervals.union(forms) if all(map(_is_set_like, forms)) else None
    if not all(map(intervals.is_set, forms)):
        return None
    return _meeting(forms) or intervals.union(forms)


def _unknowns(sides: Sequence[str], marks: Sequence[str]) -> frozenset[str]:
    r"""The variables of a chain of relations; those of `x \in A` are on its first side."""
    told = sides[:1] if {r"\in", r"\notin"} & set(marks) else sides
    return frozenset[str]().union(*map(_variables, told))


def _is_set_like(text: str) -> bool:
    return text.startswith(("(", "[")) or intervals.is_set(text)
