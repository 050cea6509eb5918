"""A study as a value: what is run with each model, on which seeds, and which differences it asks about."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from tts_bench.analysis.names import bare
from tts_bench.config import RunConfig
from tts_bench.config_file import toml_value
from tts_bench.files import file_name
from tts_bench.runs.folder import STORE
from tts_bench.runs.portable import portable

At = Literal["last", "equal-compute"]
PARTS, RESOLVED = "parts", "study.toml"
OWN = ("seed", "store", "out")  # keys of a run's configuration that the study itself sets


@dataclass(frozen=True)
class Named:
    """A comparison that the study names: `left` less `right`, on every task of its models."""

    name: str
    left: str  # strategies as they are typed
    right: str
    at: At = "last"  # rung of both; or both at the most compute that both reach
    models: tuple[str, ...] = ()  # names of models; empty: all


@dataclass(frozen=True)
class Part:
    """One run of a study: a model with one seed, and all tasks and strategies of that model."""

    model: str
    seed: int
    config: RunConfig

    @property
    def name(self) -> str:
        return part_name(self.model, self.seed)

    @property
    def folder(self) -> Path:
        assert self.config.out is not None
        return self.config.out


@dataclass(frozen=True)
class Study:
    """Models by name, each with the configuration of its runs, whose seed and folders the study sets."""

    models: Mapping[str, RunConfig]
    seeds: tuple[int, ...]
    out: Path
    comparisons: tuple[Named, ...] = field(default_factory=tuple)

    @property
    def parts(self) -> list[Part]:
        """The runs, model by model."""
        return [
            Part(name, seed, self._placed(config, part_name(name, seed), seed))
            for name, config in self.models.items()
            for seed in self.seeds
        ]

    def share(self, place: int, of: int) -> list[Part]:
        """The parts of one of `of` people, of whom this is the one at `place`, from 1: every `of`-th."""
        return self.parts[place - 1 :: of]

    def _placed(self, config: RunConfig, name: str, seed: int) -> RunConfig:
        model = replace(config.model, seed=seed, store=self.out / STORE)
        return replace(config, model=model, out=self.out / PARTS / name)

    def settings(self) -> dict[str, dict[str, Any]]:
        """What each model is run with, as JSON values by key, without what the study sets."""
        return {
            name: {key: value for key, value in portable(config).items() if key not in OWN and value is not None}
            for name, config in self.models.items()
        }

    def to_toml(self) -> str:
        """The study with nothing left open, as a file that is read as the same study; without its folder."""
        lines = [f"seeds = {toml_value(list(self.seeds))}"]
        for name, said in self.settings().items():
            lines += ["", f"[models.{_key(name)}]", *(f"{key} = {toml_value(value)}" for key, value in said.items())]
        for one in self.comparisons:
            said = {"left": one.left, "right": one.right, "at": one.at, "models": list(one.models)}
            lines += ["", f"[comparisons.{_key(one.name)}]"]
            lines += [f"{key} = {toml_value(value)}" for key, value in said.items() if value]
        return "\n".join(lines) + "\n"

    @property
    def digest(self) -> str:
        """SHA-256 of the study with nothing left open: the same wherever it is played."""
        return sha256(self.to_toml().encode()).hexdigest()

    def names(self) -> dict[str, str]:
        """What tables call each strategy, by how it is typed: without options where that tells it from others."""
        return bare(dict.fromkeys(spec for config in self.models.values() for spec in config.strategies))


def part_name(model: str, seed: int) -> str:
    """The name of a part, and of its folder."""
    return file_name(f"{model}-{seed}")


def _key(name: str) -> str:
    plain = all(char.isascii() and (char.isalnum() or char in "-_") for char in name) and bool(name)
    return name if plain else toml_value(name)


def digest_of(values: object) -> str:
    """Eight letters that tell JSON values apart."""
    return sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:8]
