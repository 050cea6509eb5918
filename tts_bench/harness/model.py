"""A model made ready: its engine, and the settings that all arms share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

from tts_bench import registry
from tts_bench.api import LearnedToken, Strategy
from tts_bench.engines import cluster, hardware
from tts_bench.engines.base import Engine, Sampling
from tts_bench.engines.openai.url import check_url
from tts_bench.engines.scripted import SCRIPTS, ScriptedEngine
from tts_bench.engines.vllm import options as vllm_options
from tts_bench.errors import UserError, did_you_mean
from tts_bench.harness import spread
from tts_bench.harness.config import ModelConfig
from tts_bench.reasoner import Settings
from tts_bench.registry import BuiltStrategy
from tts_bench.thinking import ThinkingFormat, chosen, detect
from tts_bench.tokens import find

if TYPE_CHECKING:
    from tts_bench.models import ModelFolder, Progress

ENGINES = ("hf", "openai", "scripted", "vllm")
# Options that mean nothing to an engine: given all the same, they are refused.
_LOCAL = ("device", "dtype", "threads", "workers", "exact", "trust_remote_code")
_REMOTE = ("base_url", "tokenizer", "request_timeout")
_MEANINGLESS = {
    "hf": ("vllm", *_REMOTE),
    "openai": ("vllm", "ray", *_LOCAL),
    "scripted": ("rows", "vllm", *_LOCAL, *_REMOTE),
    "vllm": ("workers", *_REMOTE),
}
DEFAULT_MODEL = "pocket"
_TINY, _TINY_ROWS, _ROWS = 2**24, 128, 32  # below so many bytes of weights Python takes longer than the arithmetic
_PAPER_THINKING, _PAPER_ANSWER = 8192, 1024  # Bmax and the answer's reserve of arXiv 2506.11274, section 4


@dataclass(frozen=True)
class Model:
    """Loaded until its engine is closed."""

    engine: Engine
    settings: Settings
    source: str  # where the weights come from
    notes: tuple[str, ...]  # what a user has to know of the model

    def facts(self) -> dict[str, Any]:
        """What a record says of the model and its engine; no path, no secret."""
        info, settings = self.engine.info, self.settings
        return {
            "model": {
                "name": info.model,
                "fingerprint": info.fingerprint,
                "source": self.source,
                "context": info.context,
                "parameters": info.parameters,
                "layers": info.layers,
                "width": info.width,
                "notes": list(self.notes),
            },
            "engine": {
                "name": info.name,
                "identity": info.identity,
                "settings": info.settings,
                "capabilities": sorted(info.capabilities),
                "exact": info.exact,
                "exact_note": info.exact_note,
            },
            "thinking_format": asdict(settings.format),
            "sampling": {
                "thinking": asdict(settings.thinking),
                "continuation": asdict(settings.continuation),
                "answer": asdict(settings.answer),
            },
            "max_thinking_tokens": settings.max_thinking,
            "max_answer_tokens": settings.max_answer,
            "system": settings.system,
            "seed": settings.seed,
        }

    def admit(self, built: BuiltStrategy) -> BuiltStrategy:
        """Check before a run that the model and engine can do what a strategy asks for.

        A strategy's fields `budget` and `budgets`, if it has them, are lengths of thinking in tokens. A learned token
        that it leaves open becomes the one shipped for this model.

        Raises:
            UserError: a budget above the cap or the context window, a learned token that does not fit or is missing, or
            an engine that cannot do what the strategy asks for.
        """
        name, info = built.id, self.engine.info
        for budget in _budgets(built.strategy):
            if budget > (room := info.context - self.settings.max_answer):
                raise UserError(
                    f"{name}: a budget of {budget} tokens is larger than the context window: {info.context} tokens, of "
                    f"which {self.settings.max_answer} are kept for the answer. Give at most {room - 1}."
                )
            if budget > self.settings.max_thinking:
                raise UserError(
                    f"{name}: a budget of {budget} tokens is above the cap of {self.settings.max_thinking} for every "
                    f"trace. Give --max-thinking-tokens {budget} too, or a smaller budget."
                )
        if not info.continues and (why := _thinks_on(built.strategy)):
            raise UserError(
                f"{name}: {why}, but the endpoint takes messages only and cannot think on from where a trace stands. "
                "Run --strategy baseline and --strategy majority-vote, or serve the model with a completions endpoint."
            )
        tokens = _learned_tokens(built.strategy)
        if tokens and "learned-tokens" not in info.capabilities:
            raise UserError(f"{name}: engine {info.name} cannot take learned tokens. Type --engine hf.")
        missing = [field for field, token in tokens.items() if token is None]
        if missing:
            built = registry.with_options(built, **dict.fromkeys(missing, self._shipped(built)))
        for token in _learned_tokens(built.strategy).values():
            assert token is not None
            self.engine.learn(token)
        return built

    def _shipped(self, built: BuiltStrategy) -> LearnedToken:
        info = self.engine.info
        token = find.shipped_for(info.fingerprint)
        if token is None:
            raise UserError(
                f"{built.label} names no token, and none is shipped for {info.model}. Type {built.name}:token=FOLDER, "
                f"or train one: tts-bench train-token --model {info.model} --task TASK"
            )
        return token


def check(config: ModelConfig) -> None:
    """Refuse what no model could make right; imports no library.

    Raises:
        UserError: an engine, device, dtype, script, URL or thinking format that cannot be, an option that means nothing
            to the engine, an engine that is not installed, or sampling out of range.
    """
    if config.engine not in ENGINES:
        raise UserError(f"there is no engine {config.engine!r}. {did_you_mean(config.engine, ENGINES)}")
    _check_meant(config)
    if config.ray:
        cluster.check_installed()
    config.sampling(Sampling())
    chosen(config.thinking, config.think_start, config.think_end)
    if config.engine == "scripted":
        _script(config)
    elif config.engine == "openai":
        _served(config)
    else:
        hardware.check_names(config.device, config.dtype)
    if config.engine == "vllm":
        vllm_options.parse(config.vllm)
        vllm_options.check_installed()


def load_model(config: ModelConfig, progress: Progress | None = None) -> Model:
    """Load what `config` speaks of; `progress` is told of a download or a conversion.

    Raises:
        UserError: anything in `config` that is unknown, out of range, or impossible with this model.
    """
    check(config)
    if config.ray:
        cluster.connect(config.ray)
    loaders = {"hf": _hf, "openai": _openai, "scripted": _scripted, "vllm": _vllm}
    engine, recommended, source, notes = loaders[config.engine](config, progress)
    form = _form(config, engine)
    thinking, continuation, answer = config.sampling(recommended)
    max_answer = config.max_answer_tokens or min(_PAPER_ANSWER, max(1, engine.info.context // 8))
    room = engine.info.context - max_answer
    if room < 2:
        raise UserError(
            f"--max-answer-tokens {max_answer} leaves no room to think in a context of {engine.info.context} tokens."
        )
    if config.max_thinking_tokens is not None and config.max_thinking_tokens >= room:
        raise UserError(
            f"--max-thinking-tokens {config.max_thinking_tokens} is larger than the context window: "
            f"{engine.info.context} tokens, of which {max_answer} are kept for the answer. Give at most {room - 1}."
        )
    settings = Settings(
        format=form,
        seed=config.seed,
        thinking=thinking,
        continuation=continuation,
        answer=answer,
        max_thinking=config.max_thinking_tokens or min(_PAPER_THINKING, room - 1),
        max_answer=max_answer,
        system=config.system,
    )
    return Model(engine, settings, source, notes)


def _hf(config: ModelConfig, progress: Progress | None) -> tuple[Engine, Sampling, str, tuple[str, ...]]:
    from tts_bench import models
    from tts_bench.engines import processes

    found = models.resolve(config.model or DEFAULT_MODEL, progress=progress)
    if config.ray:
        rows = config.rows or (_TINY_ROWS if _is_tiny(found.folder) else _ROWS)
        engine: Engine = spread.hf(config, found, rows=rows)
        return engine, models.sampling_defaults(found.folder), found.source, found.notes
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
    return engine, models.sampling_defaults(found.folder), found.source, found.notes


def _vllm(config: ModelConfig, progress: Progress | None) -> tuple[Engine, Sampling, str, tuple[str, ...]]:
    from tts_bench import models
    from tts_bench.engines.vllm.load import load

    found = models.resolve(config.model or DEFAULT_MODEL, progress=progress)
    if config.ray:
        engine: Engine = spread.vllm(config, found, rows=config.rows)
        return engine, models.sampling_defaults(found.folder), found.source, found.notes
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
    return engine, models.sampling_defaults(found.folder), found.source, found.notes


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


def _openai(config: ModelConfig, _progress: Progress | None) -> tuple[Engine, Sampling, str, tuple[str, ...]]:
    from tts_bench import models
    from tts_bench.engines.openai.load import check_sampling, load

    base_url, model = _served(config)
    engine, folder, notes = load(
        base_url,
        model,
        tokenizer=config.tokenizer,
        system=config.system,
        connections=config.rows or _ROWS,
        timeout=config.request_timeout,
    )
    recommended = models.sampling_defaults(folder)
    check_sampling(engine, config.sampling(recommended))
    return engine, recommended, "an endpoint", notes


def _form(config: ModelConfig, engine: Engine) -> ThinkingFormat:
    if not engine.info.continues:
        from tts_bench.engines.openai import chat
        from tts_bench.engines.openai.engine import OpenAIEngine

        assert isinstance(engine, OpenAIEngine)

        if config.thinking or config.think_start:
            raise UserError(
                "the endpoint takes messages only, so what stands in a reply is no matter of --thinking, --think-start "
                "and --think-end. Leave them out."
            )
        return chat.thinking_format(engine.tokenizer, config.answer_suffix)
    return detect(
        engine.tokenizer,
        name=config.thinking,
        think_start=config.think_start,
        think_end=config.think_end,
        answer_suffix=config.answer_suffix,
    )


def _served(config: ModelConfig) -> tuple[str, str]:
    """URL and name of a served model."""
    base_url = check_url(config.base_url)
    if config.model is None:
        raise UserError(f"--engine openai needs --model NAME, as {base_url}/models lists it.")
    return base_url, config.model


def _scripted(config: ModelConfig, _progress: Progress | None) -> tuple[Engine, Sampling, str, tuple[str, ...]]:
    name = _script(config)
    engine = spread.scripted(config, name) if config.ray else ScriptedEngine(SCRIPTS[name], name=name)
    return engine, Sampling(), "this package", ("a script, not a language model: for trying the harness out",)


def _script(config: ModelConfig) -> str:
    """The script's name."""
    name = config.model or "adder"
    if name not in SCRIPTS:
        raise UserError(f"the engine 'scripted' has no script {name!r}. {did_you_mean(name, SCRIPTS)}")
    return name


def _check_meant(config: ModelConfig) -> None:
    for field in fields(ModelConfig):
        value = getattr(config, field.name)
        if field.name == "workers" and config.ray:
            continue
        if field.name in _MEANINGLESS[config.engine] and value != field.default:
            option = field.name.replace("_", "-")
            raise UserError(f"--{option} {value} means nothing to the engine {config.engine!r}. Leave it out.")


def _budgets(strategy: Strategy) -> Iterable[int]:
    yield from getattr(strategy, "budgets", None) or ()
    if budget := getattr(strategy, "budget", None):
        yield budget


def _thinks_on(strategy: Strategy) -> str:
    """Why a strategy has to go on from inside a trace, as far as its options tell."""
    if hasattr(strategy, "cue") or _learned_tokens(strategy):
        return "it puts a cue in the place of the end of thinking"
    return "it lets one trace grow through several budgets" if len(set(_budgets(strategy))) > 1 else ""


def _learned_tokens(strategy: Strategy) -> dict[str, LearnedToken | None]:
    """The options that take a learned token, and what they were given."""
    hints = get_type_hints(type(strategy))
    return {
        field.name: getattr(strategy, field.name)
        for field in fields(strategy)  # type: ignore[arg-type]  # the registry admits dataclasses only
        if hints[field.name] in (LearnedToken, LearnedToken | None)
    }
