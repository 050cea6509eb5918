"""The engine `vllm`: its early checks, and how it is distributed over a cluster. Imports no vLLM."""

from __future__ import annotations

from typing import Any

from tts_bench import models
from tts_bench.engine import Engine
from tts_bench.engines import cluster, pool
from tts_bench.engines.kinds import EngineKind, Loaded, Setup
from tts_bench.engines.vllm import options
from tts_bench.engines.vllm.options import VllmOptions


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
