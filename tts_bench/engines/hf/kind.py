"""The engine `hf`: its options, what is refused at once, and how it is spread over the machine or a cluster."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from tts_bench import models
from tts_bench.engine import Engine
from tts_bench.engines import cluster, pool, processes
from tts_bench.engines.kinds import EngineKind, Loaded, Setup, there
from tts_bench.options import at_least, option

_TINY, _TINY_ROWS, _ROWS = 2**24, 128, 64  # below so many bytes of weights Python takes longer than the arithmetic


@dataclass(frozen=True)
class HfOptions(pool.LocalOptions):
    """Each field but those of `PoolOptions` is an argument of `hf.load.load`, which says more of it.

    Raises:
        ValueError: a number out of range.
        UserError: a device or dtype that is none.
    """

    cache_bytes: int | None = option(
        None,
        "Maximum KV cache size per worker, in bytes.",
        shown="for all workers: 80% of free GPU memory, or a quarter of RAM",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(1, self, "cache_bytes")


def _check(setup: Setup[HfOptions]) -> None:
    setup.options.check_ray("hf", alone=True)
    models.examine(setup.config.model or pool.DEFAULT_MODEL)


def _load(setup: Setup[HfOptions]) -> Loaded:
    given = setup.options
    if given.ray:
        cluster.connect(given.ray)
    found = models.resolve(setup.config.model or pool.DEFAULT_MODEL, progress=setup.progress)
    tiny = _is_tiny(found.folder)
    given = replace(given, max_num_seqs=given.max_num_seqs or (_TINY_ROWS if tiny else _ROWS))
    if given.ray:
        return pool.loaded(found, _on_cluster(given, found), given)
    given = _on_machine(given, tiny)
    assert given.workers is not None
    engine = over_processes(
        given.workers,
        folder=found.folder,
        name=pool.recorded(found),
        fingerprint=found.fingerprint,
        **given.of_each(),
    )
    return pool.loaded(found, engine, given)


def _is_tiny(folder: Path) -> bool:
    return sum(file.stat().st_size for file in folder.glob("*.safetensors")) < _TINY


def _on_machine(given: HfOptions, tiny: bool) -> HfOptions:
    """What was asked for; where nothing was, processes for a tiny model on the CPU and threads for others."""
    import torch

    accelerated = torch.cuda.is_available() or torch.backends.mps.is_available()
    on_cpu = given.device == "cpu" or (given.device == "auto" and not accelerated)
    several = tiny and on_cpu and given.threads is None
    workers = given.workers or (torch.get_num_threads() if several else 1)
    return replace(given, workers=workers, threads=given.threads or (1 if workers > 1 else None))


def _on_cluster(given: HfOptions, found: models.ModelFolder) -> Engine:
    """One engine for each GPU of the cluster, or as many as were asked for on its processors."""
    need = given.need()
    on_gpu = "GPU" in need
    share = 1 if on_gpu else max(1, min(pool.count(given, need), cluster.most_beside(need)))
    given = replace(given, threads=given.threads or (None if on_gpu else 1))
    return pool.start(given, found, need, load_hf, share=share, **given.of_each())


def over_processes(workers: int, **arguments: object) -> Engine:
    """An engine over `workers` processes that share the memory for keys and values; of one, in this process.

    Raises:
        UserError: as `hf.load.load`, or a process ended while it loaded the model.
    """
    return load_hf(**arguments) if workers == 1 else processes.start(workers, load_hf, share=workers, **arguments)


def load_hf(**arguments: object) -> Engine:
    """`hf.load.load`, which imports torch, in whatever process an engine is to be in."""
    from tts_bench.engines.hf.load import load

    return load(**arguments)  # type: ignore[arg-type]


kind = EngineKind(
    "runs a model in this process",
    HfOptions,
    _load,
    capabilities=frozenset({"learned-tokens", "token-ids", "seeds", "logprobs", "bias"}),
    check=_check,
    installed=there("torch", "transformers"),
    install="pip install torch transformers",
)
