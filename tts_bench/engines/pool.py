"""Shared by engines that run a model on this machine, or on the machines of a Ray cluster.

Each states what one worker needs and loads; `start` places the workers where there is room.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from tts_bench import models
from tts_bench.engine import Engine
from tts_bench.engines import cluster, hardware
from tts_bench.engines.kinds import Loaded
from tts_bench.engines.transport import Load
from tts_bench.engines.workers import Workers
from tts_bench.errors import UserError
from tts_bench.options import at_least, option

if TYPE_CHECKING:
    from tts_bench.models import ModelFolder

DEFAULT_MODEL = "pocket"


@dataclass(frozen=True)
class PoolOptions:
    """The number of engines, and where they run.

    Raises:
        ValueError: a number is out of range.
    """

    workers: int | None = option(
        None,
        "Number of engine processes (or Ray actors).",
        shown="1, more for tiny models; with Ray, one per GPU",
        flag=True,
    )
    ray: str | None = option(
        None, "Ray cluster to run the workers on: auto, HOST:PORT, or local (this machine only).", flag=True
    )

    def __post_init__(self) -> None:
        at_least(1, self, "workers")
        hardware.check_counts(self, "workers")

    def check_ray(self, engine: str, *, alone: bool) -> None:
        """Refuse what cannot be distributed; `alone`: whether the engine can have several workers without a cluster.

        Raises:
            UserError: Ray is not installed, or several workers are requested without a cluster.
        """
        if self.ray:
            cluster.check_installed()
        elif self.workers is not None and not alone:
            raise UserError(
                f"--workers {self.workers} needs --ray with the engine {engine!r}. Add --ray auto, or remove --workers."
            )


@dataclass(frozen=True)
class LocalOptions(PoolOptions):
    """Options of an engine that loads the model itself.

    Raises:
        ValueError: a number is out of range.
        UserError: the device or dtype is unknown.
    """

    device: str = option("auto", "Device: auto, cpu, cuda, cuda:1 or mps.", flag=True)
    dtype: str = option("auto", "Data type: auto, float32, bfloat16 or float16.", flag=True)
    max_num_seqs: int | None = option(
        None,
        "Maximum number of sequences decoded in one batch.",
        shown="64, or 128 for tiny models; 256 with vllm",
        flag=True,
        alias="rows",
    )
    threads: int | None = option(None, "CPU threads per worker.", flag=True)
    exact: bool = option(True, "Check at startup that output is batch-invariant.", flag=True)
    trust_remote_code: bool = option(False, "Run Python code that ships with the model.", flag=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(1, self, "max_num_seqs", "threads")
        hardware.check_counts(self, "threads")
        hardware.check_names(self.device, self.dtype)

    def of_each(self) -> dict[str, Any]:
        """Arguments for loading each worker's engine, by name."""
        ours = {field.name for field in fields(PoolOptions)}
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name not in ours}

    def need(self, devices: int = 1) -> dict[str, float]:
        """The resources that Ray reserves for a worker with that many GPUs, if any.

        Raises:
            UserError: a GPU is given by its number.
        """
        if ":" in self.device:
            raise UserError(
                f"--device {self.device}: Ray assigns the GPUs of a machine to workers. Type --device cuda."
            )
        need = {"CPU": float(self.threads or 1)}
        if self.device == "cuda" or (self.device == "auto" and cluster.gpus()):
            need["GPU"] = float(devices)
        return need


def count(options: PoolOptions, need: dict[str, float]) -> int:
    """The requested number of workers; by default, one per share of the cluster's GPUs."""
    return options.workers or max(1, int(cluster.gpus() // need["GPU"]) if "GPU" in need else 1)


def start(options: PoolOptions, found: ModelFolder, need: dict[str, float], load: Load, **arguments: Any) -> Workers:
    """A worker for each engine that `load(**arguments)` makes from the model `found`, wherever its needs are met.

    Raises:
        UserError: as `cluster.start` and `cluster.model_there`.
    """
    return cluster.start(
        count(options, need),
        need,
        cluster.model_there,
        engine=load,
        model=str(found.folder.absolute()) if found.source == "local folder" else found.name,
        fingerprint=found.fingerprint,
        name=recorded(found),
        **arguments,
    )


def recorded(found: ModelFolder) -> str:
    """The model's name; no path goes into records."""
    return found.folder.name if found.source == "local folder" else found.name


def loaded(found: ModelFolder, engine: Engine, options: LocalOptions) -> Loaded:
    """`engine` with what the folder `found` states about the model."""
    runs = options.trust_remote_code and found.source == "local folder"
    code = tuple(sorted(found.folder.glob("*.py"))) if runs else ()
    return Loaded(engine, found.source, models.sampling_defaults(found.folder), found.notes, code=code)
