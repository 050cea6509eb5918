"""The engines of this package, as `pyproject.toml` registers them. Nothing here loads a library until it is called."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tts_bench import models
from tts_bench.engines import hardware
from tts_bench.engines.base import Engine, Sampling
from tts_bench.engines.openai import key
from tts_bench.engines.openai.url import check_url
from tts_bench.engines.scripted import SCRIPTS, ScriptedEngine
from tts_bench.engines.vllm import options as vllm_options
from tts_bench.errors import UserError, did_you_mean
from tts_bench.harness import spread
from tts_bench.harness.config import ModelConfig
from tts_bench.harness.engines import EngineKind, Loaded, there

if TYPE_CHECKING:
    from tts_bench.engines.openai.engine import OpenAIEngine
    from tts_bench.models import ModelFolder, Progress
    from tts_bench.thinking import ThinkingFormat

DEFAULT_MODEL = "pocket"
_TINY, _TINY_ROWS, _ROWS = 2**24, 128, 64  # below so many bytes of weights Python takes longer than the arithmetic
_CONNECTIONS = 32  # to an endpoint


def _hf(config: ModelConfig, progress: Progress | None) -> Loaded:
    from tts_bench.engines import processes

    found = models.resolve(config.model or DEFAULT_MODEL, progress=progress)
    if config.ray:
        rows = config.rows or (_TINY_ROWS if _is_tiny(found.folder) else _ROWS)
        return _of(found, spread.hf(config, found, rows=rows))
    shape = _shape(config, found.folder)
    engine = processes.load(
        shape.workers,
        folder=found.folder,
        name=_recorded(found),
        fingerprint=found.fingerprint,
        device=config.device,
        dtype=config.dtype,
        rows=shape.rows,
        threads=shape.threads,
        exact=config.exact,
        trust_remote_code=config.trust_remote_code,
    )
    return _of(found, engine)


def _vllm(config: ModelConfig, progress: Progress | None) -> Loaded:
    from tts_bench.engines.vllm.load import load

    found = models.resolve(config.model or DEFAULT_MODEL, progress=progress)
    if config.ray:
        return _of(found, spread.vllm(config, found, rows=config.rows))
    engine = load(
        found.folder,
        name=_recorded(found),
        fingerprint=found.fingerprint,
        device=config.device,
        dtype=config.dtype,
        rows=config.rows,
        threads=config.threads,
        exact=config.exact,
        trust_remote_code=config.trust_remote_code,
        more=config.vllm,
        progress=progress,
    )
    return _of(found, engine)


def _recorded(found: ModelFolder) -> str:
    """The model's name; no path goes into records."""
    return found.folder.name if found.source == "local folder" else found.name


@dataclass(frozen=True)
class _Shape:
    """How an engine is spread over the machine."""

    rows: int
    threads: int | None
    workers: int


def _is_tiny(folder: Path) -> bool:
    return sum(file.stat().st_size for file in folder.glob("*.safetensors")) < _TINY


def _shape(config: ModelConfig, folder: Path) -> _Shape:
    """What was asked for; where nothing was, processes for a tiny model on the CPU and threads for others."""
    import torch

    tiny = _is_tiny(folder)
    accelerated = torch.cuda.is_available() or torch.backends.mps.is_available()
    on_cpu = config.device == "cpu" or (config.device == "auto" and not accelerated)
    processes = tiny and on_cpu and config.threads is None
    workers = config.workers or (torch.get_num_threads() if processes else 1)
    return _Shape(
        config.rows or (_TINY_ROWS if tiny else _ROWS), config.threads or (1 if workers > 1 else None), workers
    )


def _openai(config: ModelConfig, progress: Progress | None) -> Loaded:
    from tts_bench.engines.openai.load import check_sampling, load

    base_url, model = _served(config)
    engine, folder, notes = load(
        base_url,
        model,
        tokenizer=config.tokenizer,
        system=config.system,
        connections=config.rows or _CONNECTIONS,
        timeout=config.request_timeout,
        thinks_on=config.needs.thinks_on,
        efforts=config.needs.efforts,
        tell=(lambda what: progress(what, 0, 0)) if progress else (lambda what: None),
    )
    recommended = models.sampling_defaults(folder) if folder else Sampling()
    check_sampling(engine, config.sampling(recommended))
    form = None
    if not engine.info.continues:
        if config.thinking or config.think_start:
            raise UserError(
                "the endpoint takes messages only, so what stands in a reply is no matter of --thinking, --think-start "
                "and --think-end. Leave them out."
            )
        form = _chat_format(engine, config)
    return Loaded(engine, "an endpoint", recommended, notes, form)


def _chat_format(engine: OpenAIEngine, config: ModelConfig) -> ThinkingFormat:
    from tts_bench.engines.openai import chat
    from tts_bench.engines.openai.counted import ServerCounted

    if isinstance(engine.tokenizer, ServerCounted) or engine.dialect.reasons:
        if config.answer_suffix is not None:
            raise UserError("--answer-suffix: the endpoint gives thinking and answer in one reply. Leave it out.")
        return chat.ONE_REPLY
    return chat.thinking_format(engine.tokenizer, config.answer_suffix)


def _served(config: ModelConfig) -> tuple[str, str]:
    """URL and name of a served model."""
    base_url = check_url(config.base_url)
    key.from_environment()
    if config.model is None:
        raise UserError(f"--engine openai needs --model NAME, as {base_url}/models lists it.")
    return base_url, config.model


def _scripted(config: ModelConfig, _progress: Progress | None) -> Loaded:
    name = _script(config)
    engine: Engine = spread.scripted(config, name) if config.ray else ScriptedEngine(SCRIPTS[name], name=name)
    return Loaded(engine, "this package", notes=("a script, not a language model: for trying the harness out",))


def _script(config: ModelConfig) -> str:
    """The script's name."""
    name = config.model or "adder"
    if name not in SCRIPTS:
        raise UserError(f"the engine 'scripted' has no script {name!r}. {did_you_mean(name, SCRIPTS)}")
    return name


def _of(found: ModelFolder, engine: Engine) -> Loaded:
    return Loaded(engine, found.source, models.sampling_defaults(found.folder), found.notes)


def _check_hf(config: ModelConfig) -> None:
    hardware.check_names(config.device, config.dtype)
    models.examine(config.model or DEFAULT_MODEL)


def _check_vllm(config: ModelConfig) -> None:
    hardware.check_names(config.device, config.dtype)
    vllm_options.parse(config.vllm)
    vllm_options.check_installed()


_HERE = frozenset({"device", "dtype", "rows", "threads", "ray", "exact", "trust_remote_code"})  # models on this machine

hf = EngineKind(
    summary="runs a model in this process",
    load=_hf,
    options=_HERE | {"workers"},
    capabilities=frozenset({"learned-tokens", "token-ids", "seeds"}),
    check=_check_hf,
    installed=there("torch", "transformers"),
    install="pip install torch transformers",
)
openai = EngineKind(
    summary="runs a model that a server holds",
    load=_openai,
    options=frozenset({"rows", "base_url", "tokenizer", "request_timeout"}),
    capabilities=frozenset({"token-ids", "seeds", "logprobs", "effort"}),
    check=_served,
    installed=there("httpx2", "transformers"),
    install="pip install httpx2 transformers",
)
scripted = EngineKind(
    summary="runs a script, for tests",
    load=_scripted,
    options=frozenset({"ray"}),
    capabilities=frozenset({"learned-tokens", "token-ids", "seeds", "effort"}),
    check=_script,
)
vllm = EngineKind(
    summary="runs a model in vLLM's processes, offline",
    load=_vllm,
    options=_HERE | {"vllm"},
    capabilities=frozenset({"learned-tokens", "token-ids", "seeds"}),
    check=_check_vllm,
    installed=lambda: vllm_options.installed(),
    install=f"{vllm_options.INSTALL} or, without a GPU, {vllm_options.INSTALL_CPU}",
)
