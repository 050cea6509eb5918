"""Values of options that a strategy is tried with."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from hashlib import sha256
from typing import Any, Literal, get_args, get_origin, get_type_hints

from tts_bench.api import Budget, LearnedToken, Strategy
from tts_bench.marks import marks

_TOKEN = LearnedToken("<|trial|>", (0.0,), "teller", sha256(b"\0" * 4).hexdigest())
_TO_TRY: dict[Any, tuple[object, ...]] = {
    int: (-1, 0, 1, 2, 3),
    float: (-1.0, 0.0, 0.5, 1.0, 2.0),
    str: ("", " ", "Hmm"),
    bool: (False, True),
    tuple[int, ...]: ((), (-1,), (0,), (3, 2), (2, 2), (2, 3)),
}
_BUDGETS = (3, 20, 45)  # tokens; the trial model thinks for 1 to 60
_STEPS = 4


def with_tokens(strategy: Strategy) -> Strategy:
    """`strategy` with a stand-in for each learned token that it leaves open, as a run puts in the one of its model."""
    open_ones = [name for name, (types, value) in _options(strategy).items() if LearnedToken in types and value is None]
    return _changed(strategy, dict.fromkeys(open_ones, _TOKEN)) if open_ones else strategy


def values_to_try(strategy: Strategy) -> Iterator[tuple[str, object]]:
    """Options with values at and beyond the edge of what they may take."""
    for name, (types, _) in _options(strategy).items():
        for kind in types:
            yield from ((name, value) for value in _TO_TRY.get(kind, ()))
            if get_origin(kind) is Literal:
                yield from ((name, value) for value in get_args(kind))
        if type(None) in types and LearnedToken not in types:  # a token that is left open is put in by the harness
            yield name, None


def fewer_steps(strategy: Strategy) -> Iterator[tuple[str, Strategy, Strategy]]:
    """Pairs of settings of which the first has fewer steps by one option, and what the change is called.

    Steps are a whole number, or a rising list. Where rungs are named, their names must begin alike.
    """
    asked = marks(strategy)
    for name, (types, value) in _options(strategy).items():
        if int in types and asked.get(name) is Budget:  # a length, not a number of steps
            continue
        pairs: list[tuple[object, object]] = []
        if int in types and isinstance(value, int):
            tops = {value, max(value, _STEPS)}
            pairs += [(less, top) for top in sorted(tops) for less in {top - 1, top // 2} if less < top]
        if tuple[int, ...] in types and isinstance(value, tuple):
            whole = value if len(value) > 1 else _BUDGETS
            pairs += [(whole[:-1], whole), (whole[:1], whole)]
        for few, many in pairs:
            try:
                less, more = _changed(strategy, {name: few}), _changed(strategy, {name: many})
                first, second = (tuple(getattr(each, "rungs", ())) for each in (less, more))
            except Exception:  # a value that is refused, or that the claim about options speaks of
                continue
            if first == second[: len(first)] and (first != second or not second):
                yield f"{name}={few!r} instead of {many!r}", less, more


def budgeted(strategy: Strategy) -> Iterator[tuple[Strategy, tuple[int, ...]]]:
    """Settings with a budget, and the budget of each rung in tokens."""
    known = _options(strategy)
    tries: list[tuple[str, object, tuple[int, ...]]] = []
    for name in (name for name, mark in marks(strategy).items() if mark is Budget and name in known):
        types, _ = known[name]
        if int in types:
            tries += [(name, value, (value,)) for value in _BUDGETS]
        if tuple[int, ...] in types:
            tries.append((name, _BUDGETS, _BUDGETS))
    for name, value, limits in tries:
        try:
            changed = _changed(strategy, {name: value})
        except Exception:  # as above
            continue
        yield changed, limits


def _options(strategy: Strategy) -> dict[str, tuple[tuple[Any, ...], object]]:
    """The types that each option may be of, and its value."""
    hints = get_type_hints(type(strategy))
    found = {}
    for field in dataclasses.fields(strategy):  # type: ignore[arg-type]  # the registry admits dataclasses only
        hint = hints[field.name]
        plain = get_origin(hint) in (tuple, Literal, None)
        if field.init:
            found[field.name] = ((hint,) if plain else get_args(hint), getattr(strategy, field.name))
    return found


def _changed(strategy: Strategy, values: dict[str, object]) -> Strategy:
    return dataclasses.replace(strategy, **values)  # type: ignore[type-var]
