"""How engines are spread over a Ray cluster: what each worker needs, and what it loads on its machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tts_bench.engines import cluster
from tts_bench.engines.base import Engine
from tts_bench.engines.host import Load
from tts_bench.engines.scripted import SCRIPTS, ScriptedEngine
from tts_bench.engines.vllm import options as vllm_options
from tts_bench.engines.workers import Workers
from tts_bench.errors import UserError
from tts_bench.harness.config import ModelConfig

if TYPE_CHECKING:
    from tts_bench.models import ModelFolder


def hf(config: ModelConfig, found: ModelFolder, **arguments: Any) -> Engine:  # noqa: ANN401 - of `hf.load`
    """The hf engine, one for each GPU of the cluster or as many as were asked for on its processors.

    Raises:
        UserError: as `cluster.start` and `cluster.model_there`.
    """
    need = _need(config, 1)
    on_gpu = "GPU" in need
    threads = config.threads or (None if on_gpu else 1)
    share = 1 if on_gpu else max(1, min(_count(config, need), cluster.most_beside(need)))
    return start(config, found, need, load_hf, threads=threads, share=share, **arguments)


def vllm(config: ModelConfig, found: ModelFolder, **arguments: Any) -> Engine:  # noqa: ANN401 - of `vllm.load`
    """The vllm engine; one that is split over several GPUs gets them all on one machine.

    Raises:
        UserError: as `cluster.start` and `cluster.model_there`.
    """
    given, more = vllm_options.parse(config.vllm), config.vllm
    devices = int(str(given.get("tensor_parallel_size", 1))) * int(str(given.get("pipeline_parallel_size", 1)))
    if devices > 1 and "distributed_executor_backend" not in given:
        more += ",distributed_executor_backend=mp"  # Ray has given the worker all of its GPUs: vLLM must ask for none
    need = _need(config, devices)
    return start(config, found, need, _load_vllm, threads=config.threads, more=more, **arguments)


def scripted(config: ModelConfig, name: str) -> Engine:
    """The scripted engine, to try a cluster out with.

    Raises:
        UserError: as `cluster.start`.
    """
    need = {"CPU": 1.0}
    return cluster.start(_count(config, need), need, _load_scripted, name=name)


def start(
    config: ModelConfig,
    found: ModelFolder,
    need: dict[str, float],
    load: Load,
    **arguments: Any,  # noqa: ANN401 - of `load`
) -> Workers:
    """A worker for each engine that `load` makes of the model `found`, wherever the cluster has what it needs.

    Raises:
        UserError: as `cluster.start` and `cluster.model_there`.
    """
    local = found.source == "local folder"
    return cluster.start(
        _count(config, need),
        need,
        cluster.model_there,
        engine=load,
        model=str(found.folder.absolute()) if local else found.name,
        fingerprint=found.fingerprint,
        name=found.folder.name if local else found.name,
        device=config.device,
        dtype=config.dtype,
        exact=config.exact,
        trust_remote_code=config.trust_remote_code,
        **arguments,
    )


def _need(config: ModelConfig, devices: int) -> dict[str, float]:
    """What Ray keeps for a worker."""
    if ":" in config.device:
        raise UserError(
            f"--device {config.device}: Ray says which of a machine's GPUs a worker gets. Type --device cuda."
        )
    need = {"CPU": float(config.threads or 1)}
    if config.device == "cuda" or (config.device == "auto" and cluster.gpus()):
        need["GPU"] = float(devices)
    return need


def _count(config: ModelConfig, need: dict[str, float]) -> int:
    return config.workers or max(1, int(cluster.gpus() // need["GPU"]) if "GPU" in need else 1)


def load_hf(**arguments: Any) -> Engine:  # noqa: ANN401
    from tts_bench.engines import hf

    return hf.load(**arguments)


def _load_vllm(**arguments: Any) -> Engine:  # noqa: ANN401
    from tts_bench.engines.vllm.load import load

    return load(**arguments)


def _load_scripted(name: str) -> Engine:
    return ScriptedEngine(SCRIPTS[name], name=name)
