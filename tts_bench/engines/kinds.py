"""Engines by name: what each declares of itself. Built-in and installed ones (entry points) load by the same path.

A package adds one by registering an `EngineKind` under `[project.entry-points."tts_bench.engines"]`. The module that
holds it is imported for every run and by `tts-bench doctor`: it should load its libraries inside the functions.
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
    """What an engine is set up with."""

    config: ModelConfig  # the user's choices; its `model` may be None for the engine's default
    options: O  # those of this engine
    needs: Needs = field(default_factory=Needs)  # of the run's strategies
    progress: Progress | None = None  # is told of downloads


@dataclass(frozen=True)
class Loaded:
    """An engine made ready, and what its maker knows of the model."""

    engine: Engine
    source: str  # where the weights come from, as a record says it: no path, no secret
    recommended: Sampling = field(default_factory=Sampling)  # what the model's own makers say
    notes: tuple[str, ...] = ()  # what a user has to know of the model
    form: ThinkingFormat | None = None  # None: as the user says, or found from the tokenizer
    code: tuple[Path, ...] = ()  # files with code of the model's own that it runs


class Starting(Protocol):
    """An engine that is being loaded in other processes."""

    def ready(self) -> Loaded:
        """Wait for it.

        Raises:
            UserError: as `EngineKind.load`.
        """
        ...

    def close(self) -> None:
        """Give it up."""
        ...


@dataclass(frozen=True)
class NoOptions:
    """Of an engine that has none."""


@dataclass(frozen=True)
class EngineKind(Generic[O]):
    """What the harness has to know of an engine before it is loaded.

    `options` is a frozen dataclass. Each field is an option of `--engine NAME:option=value`, typed as the options of
    strategies are; a value that `__post_init__` refuses is refused before the run. A field named like a flag of the
    command line, such as `max_num_seqs`, is also set by that flag. Options that change what is generated go into the
    `identity` of the engine's `EngineInfo`, others into its `settings`.

    `load` raises a UserError for what is impossible with this model. The engine's name in records is that of its
    `EngineInfo`. An engine that runs in other processes may `begin` before: they load while this one imports what a run
    needs and reads its tasks. It fetches nothing, and is None where there is nothing to begin.

    Raises:
        ValueError: `options` is no frozen dataclass.
    """

    summary: str  # what it runs, in a line
    options: type[O]
    load: Callable[[Setup[O]], Loaded]
    capabilities: frozenset[Capability] = frozenset()  # at most: the `EngineInfo` of a loaded one says which it has
    check: Callable[[Setup[O]], object] = lambda setup: None  # refuses at once what no model could make right
    installed: Callable[[], str] = lambda: "there"  # what is there, such as a package's version; empty: it is missing
    install: str = ""  # what to type where it is missing
    begin: Callable[[Setup[O]], Starting | None] = lambda setup: None

    def __post_init__(self) -> None:
        kind: Any = self.options
        if not (isinstance(kind, type) and is_dataclass(kind) and kind.__dataclass_params__.frozen):  # type: ignore[attr-defined]
            raise ValueError(f"options is {self.options!r}; it takes a frozen dataclass, such as NoOptions")

    @property
    def can(self) -> str:
        """What it can do at most, in words."""
        words = [name.replace("-", " ") for name in sorted(self.capabilities)]
        return ", ".join(words) or "text only"


@dataclass(frozen=True)
class Chosen:
    """An engine with its options, as a user chose them."""

    name: str
    kind: EngineKind[Any]
    options: Any  # of `kind.options`

    @property
    def spec(self) -> str:
        """The same as text: the name, and the options that are not at their defaults."""
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
        UserError: it is not known, cannot be imported, is registered twice, or is no `EngineKind`.
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

    `over`: whether flags override the text, as they do where it comes from a file.

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
    """The engine that `config` speaks of, unless no model could make it right; loads no library.

    Raises:
        UserError: as `chosen`, an engine that is not installed, or what it refuses.
    """
    found = chosen(config.engine)
    found.kind.check(Setup(config, found.options, needs or Needs()))
    if not found.kind.installed():
        raise UserError(f"--engine {found.name} is missing a dependency. Type {found.kind.install}.")
    return found


def begin(config: ModelConfig, found: Chosen, needs: Needs | None = None) -> Starting | None:
    """Have the engine that was `found` load in other processes, if it does and needs no fetching; else None.

    Raises:
        UserError: what is impossible with this model.
    """
    return found.kind.begin(Setup(config, found.options, needs or Needs()))


def load(config: ModelConfig, found: Chosen, needs: Needs | None = None, progress: Progress | None = None) -> Loaded:
    """The engine that was `found` for `config`; `progress` is told of a download or a conversion.

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
