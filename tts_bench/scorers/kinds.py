"""Scorers of a run by name: `NAME=KIND:option=value,...`. Built-in kinds and installed ones load by the same path.

A package adds one by registering a `ScorerKind` under `[project.entry-points."tts_bench.scorers"]`. Its module is
imported for lists and before every run that uses it, so it should import its libraries inside functions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from tts_bench import options
from tts_bench.errors import UserError
from tts_bench.grammar import pairs, split_name
from tts_bench.plugins import Group
from tts_bench.scorer import Scorer

if TYPE_CHECKING:
    from tts_bench.models import Progress

SCORERS = Group("tts_bench.scorers", "kind of scorer", "Type 'tts-bench scorers' to list them.")
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")

O = TypeVar("O")  # noqa: E741 - a kind's options


@dataclass(frozen=True)
class Setup(Generic[O]):
    """The input for loading a scorer."""

    name: str  # in the run
    options: O
    progress: Progress | None = None  # reports downloads


@dataclass(frozen=True)
class Loaded:
    """A loaded scorer, with facts about it."""

    scorer: Scorer
    source: str  # where it comes from, for records: no path, no secret
    notes: tuple[str, ...] = ()  # what a user has to know about it
    code: tuple[Path, ...] = ()  # files whose code it runs


@dataclass(frozen=True)
class ScorerKind(Generic[O]):
    """What the harness needs to know about a kind of scorer before loading one.

    `options` is a frozen dataclass: each field is an option of `--scorer NAME=KIND:option=value`, and what
    `__post_init__` refuses is refused at once. Options that change scores belong in `ScorerInfo.identity`.

    Raises:
        ValueError: `options` is not a frozen dataclass.
    """

    summary: str  # what it does, in one line
    options: type[O]
    load: Callable[[Setup[O]], Loaded]  # raises UserError if this model cannot be used
    check: Callable[[Setup[O]], object] = lambda setup: None  # raises UserError for settings that can never work
    installed: Callable[[], str] = lambda: "there"  # what is installed; empty: nothing
    install: str = ""  # the command that installs it

    def __post_init__(self) -> None:
        kind: Any = self.options
        if not (isinstance(kind, type) and is_dataclass(kind) and kind.__dataclass_params__.frozen):  # type: ignore[attr-defined]
            raise ValueError(f"options is {self.options!r}; it takes a frozen dataclass")


@dataclass(frozen=True)
class Chosen:
    """A scorer that a user chose."""

    name: str  # its name for strategies
    kind_name: str
    kind: ScorerKind[Any] = field(repr=False)
    options: Any  # of `kind.options`

    @property
    def spec(self) -> str:
        """The choice as text: name, kind, and options that are not at their defaults."""
        return options.label(f"{self.name}={self.kind_name}", self.options)


def kind_of(name: str) -> ScorerKind[Any]:
    """What the kind `name` declares.

    Raises:
        UserError: it is unknown, cannot be imported, is registered twice, or is not a `ScorerKind`.
    """
    loaded, source = SCORERS.load(name)
    if not isinstance(loaded, ScorerKind):
        raise UserError(
            f"the kind of scorer {name!r} of {source} is a {type(loaded).__name__}; an entry point of {SCORERS.name} "
            "names a tts_bench.scorers.kinds.ScorerKind. Reinstall or remove that package."
        )
    return loaded


def chosen(spec: str) -> Chosen:
    """The scorer of `NAME=KIND:option=value,...`; without `NAME=`, it is named after its kind.

    Raises:
        UserError: the kind or an option is unknown, or a value or the name is invalid.
    """
    head, text = split_name(spec, "scorer")
    name, equals, kind_name = head.partition("=")
    kind_name = kind_name if equals else name
    if not _NAME.fullmatch(name):
        raise UserError(f"--scorer {spec} has the name {name!r}; it takes letters, digits, '-', '_' and '.'.")
    kind = kind_of(kind_name)
    texts = {} if text is None else pairs(text, head)
    return Chosen(name, kind_name, kind, options.coerce(kind.options, texts, head))


def check(specs: Sequence[str]) -> tuple[Chosen, ...]:
    """The scorers of a run, checked without loading a library.

    Raises:
        UserError: as `chosen`; two share a name, one is not installed, or its kind refuses it.
    """
    found: dict[str, Chosen] = {}
    for spec in specs:
        one = chosen(spec)
        if one.name in found:
            raise UserError(f"two scorers are named {one.name!r}. Type --scorer ANOTHER={one.kind_name}:... for one.")
        if not one.kind.installed():
            raise UserError(f"--scorer {spec} is missing a dependency. Type {one.kind.install}.")
        one.kind.check(Setup(one.name, one.options))
        found[one.name] = one
    return tuple(found.values())


def load(one: Chosen, progress: Progress | None = None) -> Loaded:
    """Load the chosen scorer; `progress` reports downloads.

    Raises:
        UserError: what is impossible with this model or code.
    """
    loaded = one.kind.load(Setup(one.name, one.options, progress))
    if not isinstance(loaded, Loaded):
        raise UserError(
            f"the scorer {one.name!r} loads as a {type(loaded).__name__}; it must be a "
            "tts_bench.scorers.kinds.Loaded. Report this to its author."
        )
    return loaded
