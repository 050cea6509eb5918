"""The engine `hf`: its options, early checks, and how it is distributed over the machine or a cluster."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from tts_bench import models
from tts_bench.engine import Engine
from tts_bench.engines import cluster, hardware, pool, processes
from tts_bench.engines.kinds import EngineKind, Loaded, Setup, there
from tts_bench.options import at_least, option

_LOADER = "tts_bench.engines.hf.load"
_TINY, _TINY_ROWS, _ROWS = 2**24, 128, 64  # below this size of weights, Python takes longer than the arithmetic


@dataclass(frozen=True)
class HfOptions(pool.LocalOptions):
    """Each field, except those of `PoolOptions`, is an argument of `hf.load.load`, which documents it.

    Raises:
        ValueError: a number is out of range.
        UserError: the device or dtype is unknown.
    """

    cache_bytes: int | None = option(
        None,
        "Maximum KV cache size per worker, in bytes.",
        shown="for all workers: 80% of free GPU memory, or a quarter of RAM",
    )

    kept_proof: bool = option(True, "Skip the self-test if it has passed on this machine with the same settings.")

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(1, self, "cache_bytes")


def _check(setup: Setup[HfOptions]) -> None:
    setup.options.check_ray("hf", alone=True)
    models.examine(setup.config.model or pool.DEFAULT_MODEL)


@dataclass(frozen=True)
class _Starting:
    """Implements `tts_bench.engines.kinds.Starting`. A single engine loads in this process, when it is awaited."""

    found: models.ModelFolder
    given: HfOptions
    arguments: dict[str, object]
    workers: processes.Beginning | None

    def ready(self) -> Loaded:
        import tts_bench.engines.tokenizer  # noqa: F401 - workers send one; it is imported while they load

        engine = self.workers.workers() if self.workers else load_hf(**self.arguments)
        return pool.loaded(self.found, engine, self.given)

    def close(self) -> None:
        if self.workers:
            self.workers.close()


def _begin(setup: Setup[HfOptions]) -> _Starting | None:
    """Start loading a local model in processes of this machine."""
    name = setup.config.model or pool.DEFAULT_MODEL
    return None if setup.options.ray or not models.at_hand(name) else _started(setup.options, models.resolve(name))


def _load(setup: Setup[HfOptions]) -> Loaded:
    given = setup.options
    if given.ray:
        cluster.connect(given.ray)
    found = models.resolve(setup.config.model or pool.DEFAULT_MODEL, progress=setup.progress)
    if given.ray:
        given = _with_rows(given, tiny=_is_tiny(found.folder))
        return pool.loaded(found, _on_cluster(given, found), given)
    return _started(given, found).ready()


def _is_tiny(folder: Path) -> bool:
    return sum(file.stat().st_size for file in folder.glob("*.safetensors")) < _TINY


def _with_rows(given: HfOptions, *, tiny: bool) -> HfOptions:
    return replace(given, max_num_seqs=given.max_num_seqs or (_TINY_ROWS if tiny else _ROWS))


def _started(given: HfOptions, found: models.ModelFolder) -> _Starting:
    """The requested number of engines; by default, processes for a tiny model on the CPU, threads for others.

    Several engines are processes that share the memory for keys and values, and start loading.
    """
    tiny = _is_tiny(found.folder)
    on_cpu = given.device == "cpu" or (given.device == "auto" and not hardware.accelerated())
    count = given.workers or (hardware.cores() if tiny and on_cpu and given.threads is None else 1)
    given = _with_rows(replace(given, workers=count, threads=given.threads or (1 if count > 1 else None)), tiny=tiny)
    of_model = {"folder": found.folder, "name": pool.recorded(found), "fingerprint": found.fingerprint}
    arguments: dict[str, object] = {**of_model, **given.of_each()}
    apart = {"share": count, "apart": True}
    workers = processes.begin(count, load_hf, warm=_LOADER, **apart, **arguments) if count > 1 else None
    return _Starting(found, given, arguments, workers)


def _on_cluster(given: HfOptions, found: models.ModelFolder) -> Engine:
    """One engine per GPU of the cluster, or the requested number on its CPUs."""
    need = given.need()
    on_gpu = "GPU" in need
    share = 1 if on_gpu else max(1, min(pool.count(given, need), cluster.most_beside(need)))
    given = replace(given, threads=given.threads or (None if on_gpu else 1))
    return pool.start(given, found, need, load_hf, share=share, **given.of_each())


def load_hf(**arguments: object) -> Engine:
    """`hf.load.load`, which imports torch, in the process of the engine."""
    from tts_bench.engines.hf.load import load

    return load(**arguments)  # type: ignore[arg-type]


kind = EngineKind(
    "runs a model in this process",
    HfOptions,
    _load,
    capabilities=frozenset({"learned-tokens", "token-ids", "seeds", "logprobs", "bias"}),
    check=_check,
    begin=_begin,
    installed=there("torch", "transformers"),
    install="pip install torch transformers",
)
