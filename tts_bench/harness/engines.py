"""Engines by name: what each declares of itself. Built-in and installed ones (entry points) load by the same path.

A package adds one by registering an `EngineKind` under `[project.entry-points."tts_bench.engines"]`. The module that
holds it is imported for every run and by `tts-bench doctor`: it should load its libraries inside the functions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from importlib.util import find_spec
from typing import TYPE_CHECKING

from tts_bench.engines import cluster
from tts_bench.engines.base import Capability, Engine, Sampling
from tts_bench.errors import UserError
from tts_bench.harness.config import ENGINE_OPTIONS, ModelConfig
from tts_bench.plugins import Group
from tts_bench.thinking import ThinkingFormat

if TYPE_CHECKING:
    from tts_bench.models import Progress

ENGINES = Group("tts_bench.engines", "engine", "Type 'tts-bench engines' to list them.")


@dataclass(frozen=True)
class Loaded:
    """An engine made ready, and what its maker knows of the model."""

    engine: Engine
    source: str  # where the weights come from, as a record says it: no path, no secret
    recommended: Sampling = field(default_factory=Sampling)  # what the model's own makers say
    notes: tuple[str, ...] = ()  # what a user has to know of the model
    form: ThinkingFormat | None = None  # None: as the user says, or found from the tokenizer


@dataclass(frozen=True)
class EngineKind:
    """What the harness has to know of an engine before it is loaded.

    `load` is given the choices of the user, of which `model` may be None for the engine's default, and a function to
    tell of downloads (or None). It raises a UserError for what is impossible with this model. The engine's name in
    records is that of its `EngineInfo`.
    """

    summary: str  # what it runs, in a line
    load: Callable[[ModelConfig, Progress | None], Loaded]
    options: frozenset[str] = frozenset()  # those of `ENGINE_OPTIONS` that mean something to it; others are refused
    capabilities: frozenset[Capability] = frozenset()  # at most: the `EngineInfo` of a loaded one says which it has
    check: Callable[[ModelConfig], object] = lambda config: None  # refuses at once what no model could make right
    installed: Callable[[], str] = lambda: "there"  # what is there, such as a package's version; empty: it is missing
    install: str = ""  # what to type where it is missing

    def __post_init__(self) -> None:
        if unknown := sorted(self.options - set(ENGINE_OPTIONS)):
            raise ValueError(f"options has {unknown[0]!r}; it takes some of {', '.join(ENGINE_OPTIONS)}")

    @property
    def can(self) -> str:
        """What it can do at most, in words."""
        words = [name.replace("-", " ") for name in sorted(self.capabilities)]
        return ", ".join(words) or "nothing beside text"


@dataclass(frozen=True)
class Listed:
    """An engine as a list shows it: a broken one hides no other."""

    name: str
    source: str  # distribution and version
    kind: EngineKind | None = None
    problem: str = ""  # why there is no kind


def kind_of(name: str) -> EngineKind:
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


def check(config: ModelConfig) -> EngineKind:
    """Refuse what no model could make right, and what means nothing to the engine; loads no library.

    Raises:
        UserError: an engine that is unknown or not installed, an option that it does not take, or what it refuses.
    """
    kind = kind_of(config.engine)
    for name, default in ((each.name, each.default) for each in fields(ModelConfig) if each.name in ENGINE_OPTIONS):
        value = getattr(config, name)
        if name == "workers" and config.ray:  # whatever takes a cluster takes the number of its workers
            continue
        if name not in kind.options and value != default:
            option = name.replace("_", "-")
            raise UserError(f"--{option} {value} means nothing to the engine {config.engine!r}. Leave it out.")
    if config.ray:
        cluster.check_installed()
    kind.check(config)
    if not kind.installed():
        raise UserError(f"--engine {config.engine} lacks what it needs here. Type {kind.install}.")
    return kind


def load(config: ModelConfig, progress: Progress | None = None) -> Loaded:
    """The engine that `config` speaks of; `progress` is told of a download or a conversion.

    Raises:
        UserError: as `check`, or what is impossible with this model.
    """
    kind = check(config)
    if config.ray:
        cluster.connect(config.ray)
    loaded = kind.load(config, progress)
    if not isinstance(loaded, Loaded):
        raise UserError(
            f"the engine {config.engine!r} loads as a {type(loaded).__name__}; it has to be a "
            "tts_bench.harness.engines.Loaded. Tell whoever made it."
        )
    return loaded


def there(*modules: str) -> Callable[[], str]:
    """For `EngineKind.installed`: whether all `modules` can be imported."""
    return lambda: "there" if all(find_spec(name) for name in modules) else ""


def _kind(name: str) -> tuple[EngineKind, str]:
    loaded, source = ENGINES.load(name)
    if not isinstance(loaded, EngineKind):
        raise UserError(
            f"engine {name!r} of {source} is a {type(loaded).__name__}; an entry point of {ENGINES.name} names a "
            "tts_bench.harness.engines.EngineKind. Reinstall or remove that package."
        )
    return loaded, source
