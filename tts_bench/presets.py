"""Several strategies by one name: groups of the shelf, all of it (`shelf`), and all but some (`shelf`, `-deer`)."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from tts_bench import registry
from tts_bench.errors import UserError, did_you_mean

SHELF, CHEAP, CONTROLS = "shelf", "cheap", "controls"


@dataclass(frozen=True)
class Expanded:
    """Strategies by themselves, in order, each once."""

    specs: tuple[str, ...]
    grouped: frozenset[str]  # those of `specs` that no one named: a group has them


def groups() -> dict[str, tuple[str, ...]]:
    """Names of strategies by group: the controls, the others in alphabetical order, the cheap ones, the whole shelf.

    A strategy that cannot be loaded is in no group: where it is named, it is refused.

    Raises:
        UserError: two distributions register the same strategy.
    """
    found: dict[str, list[str]] = {CONTROLS: [], CHEAP: []}
    for name in registry.names():
        try:
            kind = registry.strategy_class(name)
        except UserError:
            continue
        for group in getattr(kind, "groups", ()):
            found.setdefault(str(group), []).append(name)
    controls, cheap = found.pop(CONTROLS), found.pop(CHEAP)
    ordered = {CONTROLS: controls, **dict(sorted(found.items())), CHEAP: cheap}
    shelf = dict.fromkeys(name for members in ordered.values() for name in members)
    return {**{group: tuple(members) for group, members in ordered.items()}, SHELF: tuple(shelf)}


def expanded(said: Sequence[str]) -> Expanded:
    """`said` with each group's name replaced by its strategies at their defaults, behind the controls.

    A strategy that is named too, with options or without, is taken as named. `-NAME` leaves one out.

    Raises:
        UserError: `-NAME` leaves out what is not there, or a name is nearly that of a group.
    """
    there = registry.names()
    known = groups() if any(":" not in spec and spec not in there for spec in said) else {}
    named = [spec for spec in said if spec not in known and not spec.startswith("-")]
    for name in named:
        near = difflib.get_close_matches(name, [*there, *known], n=1)
        if near and near[0] in known and "." not in name:  # otherwise who builds the strategy says that it is not there
            raise UserError(f"there is no strategy and no group {name!r}. Did you mean {near[0]!r}?")
    members = dict.fromkeys(name for spec in said for name in known.get(spec, ()))
    if members:
        members = dict.fromkeys(known[CONTROLS]) | members
    taken = {spec.partition(":")[0] for spec in named}
    grouped = [name for name in members if name not in taken]
    for spec in said:
        if spec.startswith("-"):
            if spec[1:] not in grouped:
                raise UserError(_excludes_nothing(spec, said, grouped, any(name in known for name in said)))
            grouped.remove(spec[1:])
    return Expanded((*grouped, *named), frozenset(grouped))


def _excludes_nothing(spec: str, said: Sequence[str], grouped: Sequence[str], any_group: bool) -> str:
    if spec[1:] in said:
        return f"{spec} excludes a strategy that is named too. Remove one of them."
    if not any_group:
        return f"{spec} excludes a strategy of a group, and no group is named. Name one too, such as {SHELF},{spec}."
    return f"{spec} excludes a strategy that the named groups do not have. {did_you_mean(spec[1:], grouped)}"
