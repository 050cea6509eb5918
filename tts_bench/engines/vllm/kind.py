"""The engine `vllm`: its options, early checks, and how it is distributed over a cluster. Does not import vLLM."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tts_bench import models
from tts_bench.engine import Engine
from tts_bench.engines import cluster, pool
from tts_bench.engines.kinds import EngineKind, Loaded, Setup
from tts_bench.engines.vllm import options
from tts_bench.options import passed_on


@dataclass(frozen=True)
class VllmOptions(pool.LocalOptions):
    """The engine's own options, and all options of vLLM's `LLM` class.

    Raises:
        ValueError: a number is out of range.
        UserError: the device or dtype is unknown, or this engine sets an option of vLLM itself.
    """

    vllm: Mapping[str, object] = passed_on(
        "vLLM options, key=value,..., such as gpu_memory_utilization=0.8.", flag=True
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        options.check_ours(self.vllm)

    def arguments(self) -> dict[str, Any]:
        """Arguments for loading each worker's engine, by name."""
        return {"more" if name == "vllm" else name: value for name, value in self.of_each().items()}


def _check(setup: Setup[VllmOptions]) -> None:
    setup.options.check_ray("vllm", alone=False)
    options.check_installed()


def _load(setup: Setup[VllmOptions]) -> Loaded:
    given = setup.options
    if given.ray:
        cluster.connect(given.ray)
    found = models.resolve(setup.config.model or pool.DEFAULT_MODEL, progress=setup.progress)
    if given.ray:
        return pool.loaded(found, _on_cluster(given, found), given)
    from tts_bench.engines.vllm.load import load

    engine = load(
        found.folder,
        name=pool.recorded(found),
        fingerprint=found.fingerprint,
        progress=setup.progress,
        **given.arguments(),
    )
    return pool.loaded(found, engine, given)


def _on_cluster(given: VllmOptions, found: models.ModelFolder) -> Engine:
    """One engine per GPU; one that is split over several GPUs gets them all on one machine."""
    more = dict(given.vllm)
    devices = int(str(more.get("tensor_parallel_size", 1))) * int(str(more.get("pipeline_parallel_size", 1)))
    if devices > 1:  # Ray has given the worker all of its GPUs: vLLM must not request any
        more.setdefault("distributed_executor_backend", "mp")
    return pool.start(given, found, given.need(devices), _load_vllm, **{**given.arguments(), "more": more})


def _load_vllm(**arguments: Any) -> Engine:
    from tts_bench.engines.vllm.load import load

    return load(**arguments)


kind = EngineKind(
    "runs a model in vLLM's processes, offline",
    VllmOptions,
    _load,
    capabilities=frozenset({"learned-tokens", "token-ids", "seeds", "logprobs", "bias"}),
    check=_check,
    installed=lambda: options.installed(),
    install=f"{options.INSTALL} or, without a GPU, {options.INSTALL_CPU}",
)
