"""Engines by name, with what each declares. Built-in and installed ones (entry points) load by the same path.

A package adds one by registering an `EngineKind` under `[project.entry-points."tts_bench.engines"]`. Its module is
imported for every run and by `tts-bench doctor`, so it should import its libraries inside functions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, is_dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from tts_bench import options
from tts_bench.config import ModelConfig, Needs
from tts_bench.engine import Capability, Engine, Sampling
from tts_bench.errors import UserError
from tts_bench.grammar import from_json, pairs, split_name
from tts_bench.plugins import Group

if TYPE_CHECKING:
    from tts_bench.models import Progress
    from tts_bench.thinking import ThinkingFormat

ENGINES = Group("tts_bench.engines", "engine", "Type 'tts-bench engines' to list them.")

O = TypeVar("O")  # noqa: E741 - an engine's options


@dataclass(frozen=True)
class Setup(Generic[O]):
    """The input for loading an engine."""

    config: ModelConfig  # the user's choices; `model` may be None for the engine's default
    options: O  # those of this engine
    needs: Needs = field(default_factory=Needs)  # of the run's strategies
    progress: Progress | None = None  # reports downloads


@dataclass(frozen=True)
class Loaded:
    """A loaded engine, with facts about the model."""

    engine: Engine
    source: str  # where the weights come from, for records: no path, no secret
    recommended: Sampling = field(default_factory=Sampling)  # as recommended by the model's authors
    notes: tuple[str, ...] = ()  # what a user has to know about the model
    form: ThinkingFormat | None = None  # None: given by the user, or detected from the tokenizer
    code: tuple[Path, ...] = ()  # files of the model whose code it runs


class Starting(Protocol):
    """An engine that is being loaded in other processes."""

    def ready(self) -> Loaded:
        """Wait for it.

        Raises:
            UserError: as `EngineKind.load`.
        """
        ...

    def close(self) -> None:
        """Cancel it."""
        ...


@dataclass(frozen=True)
class NoOptions:
    """For an engine without options."""


@dataclass(frozen=True)
class EngineKind(Generic[O]):
    """What the harness needs to know about an engine before loading it.

    `options` is a frozen dataclass. Each field is an option of `--engine NAME:option=value`, typed as the options of
    strategies are; a value that `__post_init__` refuses is refused before the run. A field named like a flag of the
    command line, such as `max_num_seqs`, is also set by that flag. Options that change what is generated belong in the
    `identity` of the engine's `EngineInfo`, others into its `settings`.

    `load` raises UserError if this model cannot be used. The engine's name in records is that of its `EngineInfo`. An
    engine that runs in other processes may `begin` earlier: they load while this process imports what a run needs and
    reads its tasks. `begin` downloads nothing, and is None if there is nothing to begin.

    Raises:
        ValueError: `options` is not a frozen dataclass.
    """

    summary: str  # what it runs, in one line
    options: type[O]
    load: Callable[[Setup[O]], Loaded]
    capabilities: frozenset[Capability] = frozenset()  # at most: the `EngineInfo` of a loaded one states which
    check: Callable[[Setup[O]], object] = lambda setup: None  # raises UserError for settings that can never work
    installed: Callable[[], str] = lambda: "there"  # what is installed, such as a package's version; empty: nothing
    install: str = ""  # the command that installs it
    begin: Callable[[Setup[O]], Starting | None] = lambda setup: None

    def __post_init__(self) -> None:
        kind: Any = self.options
        if not (isinstance(kind, type) and is_dataclass(kind) and kind.__dataclass_params__.frozen):  # type: ignore[attr-defined]
            raise ValueError(f"options is {self.options!r}; it takes a frozen dataclass, such as NoOptions")

    @property
    def can(self) -> str:
        """All that it can support, in words."""
        words = [name.replace("-", " ") for name in sorted(self.capabilities)]
        return ", ".join(words) or "text only"


@dataclass(frozen=True)
class Chosen:
    """An engine with the options that a user chose."""

    name: str
    kind: EngineKind[Any]
    options: Any  # of `kind.options`

    @property
    def spec(self) -> str:
        """The choice as text: the name, and options that are not at their defaults."""
        return options.label(self.name, self.options)


@dataclass(frozen=True)
class Listed:
    """An engine as a list shows it: a broken one hides no other."""

    name: str
    source: str  # distribution and version
    kind: EngineKind[Any] | None = None
    problem: str = ""  # why there is no kind


def kind_of(name: str) -> EngineKind[Any]:
    """What the engine `name` declares.

    Raises:
        UserError: it is unknown, cannot be imported, is registered twice, or is not an `EngineKind`.
    """
    return _kind(name)[0]


def listed() -> list[Listed]:
    """All registered engines, sorted by name.

    Raises:
        UserError: two distributions register the same name.
    """
    found = []
    for name in sorted(ENGINES.registered()):
        try:
            kind, source = _kind(name)
        except UserError as error:
            found.append(Listed(name, "", problem=str(error)))
        else:
            found.append(Listed(name, source, kind))
    return found


def chosen(spec: str, flags: Mapping[str, str] | None = None, *, over: bool = False) -> Chosen:
    """The engine of `name:option=value,...`; `flags` maps option names to texts, so that `dtype` comes from `--dtype`.

    `over`: whether flags override the text, as they do if it comes from a file.

    Raises:
        UserError: an unknown engine or option, an invalid value, a flag for which the engine has no option, or flags
            and options that contradict each other.
    """
    name, text = split_name(spec, "engine")
    kind = kind_of(name)
    rest = options.passed_on_by(kind.options)
    texts = {} if text is None else pairs(text, name, json_values=rest is not None)
    texts, renamed = options.unaliased(kind.options, texts, name), options.aliases(kind.options)
    typed: dict[str, str] = {}
    for flag, value in (flags or {}).items():
        said = {renamed.get(flag, flag): value}
        if flag == rest:
            said = pairs(value, _dashed(flag), json_values=True) if value.strip() else {}
        elif renamed.get(flag, flag) not in {option.name for option in options.options_of(kind.options)}:
            raise UserError(f"engine {name!r} has no option {_typed(flag, value)}. Remove it.")
        for key, its in said.items():
            if key in typed and not _same(kind, name, key, texts[key], its):
                raise UserError(f"{typed[key]} and {_dashed(flag)} both set {key}. Give one of them.")
            if key in texts and not over and not _same(kind, name, key, texts[key], its):
                raise UserError(f"{_dashed(flag)} contradicts --engine {name}:{key}={texts[key]}. Give one of them.")
            typed.setdefault(key, _dashed(flag) if flag != rest else f"{_dashed(flag)} {key}")
            texts[key] = its
    return Chosen(name, kind, options.coerce(kind.options, texts, name, typed=typed))


def changed(spec: str, **values: object) -> str:
    """`spec` with other values of some options.

    Raises:
        UserError: as `chosen`.
    """
    found = chosen(spec)
    return replace(found, options=replace(found.options, **values)).spec


def check(config: ModelConfig, needs: Needs | None = None) -> Chosen:
    """The engine that `config` names, checked without loading a library.

    Raises:
        UserError: as `chosen`; the engine is not installed, or it refuses its options.
    """
    found = chosen(config.engine)
    found.kind.check(Setup(config, found.options, needs or Needs()))
    if not found.kind.installed():
        raise UserError(f"--engine {found.name} is missing a dependency. Type {found.kind.install}.")
    return found


def begin(config: ModelConfig, found: Chosen, needs: Needs | None = None) -> Starting | None:
    """Start loading the engine `found` in other processes, if it supports that and needs no download; else None.

    Raises:
        UserError: what is impossible with this model.
    """
    return found.kind.begin(Setup(config, found.options, needs or Needs()))


def load(config: ModelConfig, found: Chosen, needs: Needs | None = None, progress: Progress | None = None) -> Loaded:
    """Load the engine `found` for `config`; `progress` reports downloads and conversions.

    Raises:
        UserError: what is impossible with this model.
    """
    loaded = found.kind.load(Setup(config, found.options, needs or Needs(), progress))
    if not isinstance(loaded, Loaded):
        raise UserError(
            f"the engine {found.name!r} loads as a {type(loaded).__name__}; it must be a "
            "tts_bench.engines.kinds.Loaded. Report this to its author."
        )
    return loaded


def there(*modules: str) -> Callable[[], str]:
    """For `EngineKind.installed`: whether all `modules` can be imported."""
    return lambda: "there" if all(find_spec(name) for name in modules) else ""


def _kind(name: str) -> tuple[EngineKind[Any], str]:
    loaded, source = ENGINES.load(name)
    if not isinstance(loaded, EngineKind):
        raise UserError(
            f"engine {name!r} of {source} is a {type(loaded).__name__}; an entry point of {ENGINES.name} names a "
            "tts_bench.engines.kinds.EngineKind. Reinstall or remove that package."
        )
    return loaded, source


def _same(kind: EngineKind[Any], name: str, key: str, one: str, other: str) -> bool:
    """Whether two texts of an option mean the same."""
    if key in {option.name for option in options.options_of(kind.options)}:
        one_value, other_value = (options.read(kind.options, {key: text}, name)[key] for text in (one, other))
        return bool(one_value == other_value)
    return from_json(one, name, key) == from_json(other, name, key)


def _dashed(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _typed(flag: str, value: str) -> str:
    switched = {"true": _dashed(flag), "false": _dashed(f"no_{flag}")}
    return switched.get(value, f"{_dashed(flag)} {value}")
