"""What the options of a strategy ask of a model: which is a budget, a cue, an effort. Standard library only."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import get_type_hints

from tts_bench.api import Budget, Effort, Forced, LearnedToken, Mark, Strategy

_MARKS: tuple[Mark, ...] = (Budget, Forced, Effort)
# How strategies that mark none of their options are read, which may be older than marks are.
_BY_NAME: dict[str, Mark] = {"budget": Budget, "budgets": Budget, "cue": Forced, "efforts": Effort}


def marks(strategy: Strategy) -> dict[str, Mark]:
    """The marks of its options by name. An option that takes a learned token is forced, marked or not.

    Where no option is marked, those called budget, budgets, cue and efforts are what their names say.
    """
    hints = get_type_hints(type(strategy), include_extras=True)
    marked = {
        name: mark for name, hint in hints.items() for mark in _MARKS if mark in getattr(hint, "__metadata__", ())
    }
    found = marked or {name: mark for name, mark in _BY_NAME.items() if hasattr(strategy, name)}
    return {**dict.fromkeys(learned_tokens(strategy), Forced), **found}


def values(strategy: Strategy, mark: Mark) -> Iterator[object]:
    """What the options with this mark were given, each item of a list alone; nothing that is none or empty."""
    for name, its in marks(strategy).items():
        value = getattr(strategy, name) if its is mark else None
        yield from value if isinstance(value, tuple | list) else (value,) if value else ()


def learned_tokens(strategy: Strategy) -> dict[str, LearnedToken | None]:
    """The options that take a learned token, and what they were given."""
    hints = get_type_hints(type(strategy))
    return {
        field.name: getattr(strategy, field.name)
        for field in dataclasses.fields(strategy)  # type: ignore[arg-type]  # the registry admits dataclasses only
        if hints[field.name] in (LearnedToken, LearnedToken | None)
    }
