"""What the options of a strategy ask of a model: which is a budget, a cue, an effort. Standard library only."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, get_type_hints

from tts_bench.api import Budget, Effort, Forced, LearnedToken, Mark, Strategy
from tts_bench.errors import UserError

_MARKS: tuple[Mark, ...] = (Budget, Forced, Effort)
# How strategies that mark none of their options are read, which may be older than marks are.
_BY_NAME: dict[str, Mark] = {"budget": Budget, "budgets": Budget, "cue": Forced, "efforts": Effort}


def marks(strategy: Strategy) -> dict[str, Mark]:
    """The marks of its options by name. An option that takes a learned token is forced, marked or not.

    Where no option is marked, those called budget, budgets, cue and efforts are what their names say.
    """
    hints = hints_of(type(strategy), include_extras=True)
    marked = {
        name: mark for name, hint in hints.items() for mark in _MARKS if mark in getattr(hint, "__metadata__", ())
    }
    found = marked or {name: mark for name, mark in _BY_NAME.items() if hasattr(strategy, name)}
    return {**dict.fromkeys(learned_tokens(strategy), Forced), **found}


def hints_of(cls: type, *, include_extras: bool = False) -> dict[str, Any]:
    """The annotations of `cls` by name; with `include_extras` with their marks.

    Raises:
        UserError: one cannot be resolved.
    """
    try:
        return get_type_hints(cls, include_extras=include_extras)
    except (NameError, TypeError) as error:
        raise UserError(
            f"an annotation of {cls.__name__} cannot be resolved: {error}. Import it in its file."
        ) from error


def values(strategy: Strategy, mark: Mark) -> Iterator[object]:
    """What the options with this mark were given, each item of a list alone; nothing that is none or empty."""
    for name, its in marks(strategy).items():
        value = getattr(strategy, name) if its is mark else None
        yield from value if isinstance(value, tuple | list) else (value,) if value else ()


def attribute(strategy: Strategy, name: str) -> Any:  # noqa: ANN401 - as it is
    """Its `rungs` or `needs`; () where it has none. What a property raises is raised, an AttributeError too."""
    return getattr(strategy, name) if hasattr(type(strategy), name) else getattr(strategy, name, ())


def learned_tokens(strategy: Strategy) -> dict[str, LearnedToken | None]:
    """The options that take a learned token, and what they were given."""
    hints = hints_of(type(strategy))
    return {
        field.name: getattr(strategy, field.name)
        for field in dataclasses.fields(strategy)  # type: ignore[arg-type]  # the registry admits dataclasses only
        if hints[field.name] in (LearnedToken, LearnedToken | None)
    }
