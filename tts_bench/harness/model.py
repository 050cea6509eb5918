"""A model made ready: its engine, and the settings that all arms share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from tts_bench.api import LearnedToken, Strategy
from tts_bench.engines import hardware
from tts_bench.engines.base import Engine, Sampling
from tts_bench.engines.scripted import SCRIPTS, ScriptedEngine
from tts_bench.errors import UserError, did_you_mean
from tts_bench.harness.config import ModelConfig
from tts_bench.reasoner import Settings
from tts_bench.thinking import chosen, detect

if TYPE_CHECKING:
    from tts_bench.models import Progress

ENGINES = ("hf", "scripted")
DEFAULT_MODEL = "smollm2"
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

    def admit(self, name: str, strategy: Strategy) -> None:
        """Check before a run that the model and engine can do what `strategy` asks for.

        A strategy's fields `budget` and `budgets`, if it has them, are lengths of thinking in tokens.

        Raises:
            UserError: a budget above the cap or the context window, or a learned token that does not fit.
        """
        info = self.engine.info
        for budget in _budgets(strategy):
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
        for token in _learned_tokens(strategy):
            if "learned-tokens" not in info.capabilities:
                raise UserError(f"{name}: engine {info.name} cannot take learned tokens. Type --engine hf.")
            self.engine.learn(token)


def check(config: ModelConfig) -> None:
    """Refuse what no model could make right; imports no library.

    Raises:
        UserError: an engine, device, dtype, script or thinking format that is unknown, or sampling out of range.
    """
    if config.engine not in ENGINES:
        raise UserError(f"there is no engine {config.engine!r}. {did_you_mean(config.engine, ENGINES)}")
    config.sampling(Sampling())
    chosen(config.thinking, config.think_start, config.think_end)
    if config.engine == "scripted":
        _script(config)
    else:
        hardware.check_names(config.device, config.dtype)


def load_model(config: ModelConfig, progress: Progress | None = None) -> Model:
    """Load what `config` speaks of; `progress` is told of a download or a conversion.

    Raises:
        UserError: anything in `config` that is unknown, out of range, or impossible with this model.
    """
    check(config)
    engine, recommended, source, notes = _scripted(config) if config.engine == "scripted" else _hf(config, progress)
    form = detect(
        engine.tokenizer,
        name=config.thinking,
        think_start=config.think_start,
        think_end=config.think_end,
        answer_suffix=config.answer_suffix,
    )
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
    from tts_bench.engines import hf

    found = models.resolve(config.model or DEFAULT_MODEL, progress=progress)
    engine = hf.load(
        found.folder,
        name=found.folder.name if found.source == "local folder" else found.name,  # no path goes into records
        fingerprint=found.fingerprint,
        device=config.device,
        dtype=config.dtype,
        rows=config.rows,
        threads=config.threads,
        exact=config.exact,
        trust_remote_code=config.trust_remote_code,
    )
    return engine, models.sampling_defaults(found.folder), found.source, found.notes


def _scripted(config: ModelConfig) -> tuple[Engine, Sampling, str, tuple[str, ...]]:
    name = _script(config)
    engine = ScriptedEngine(SCRIPTS[name], name=name)
    return engine, Sampling(), "this package", ("a script, not a language model: for trying the harness out",)


def _script(config: ModelConfig) -> str:
    """The script's name, once nothing is asked for that a script cannot do."""
    for field in fields(ModelConfig):
        if field.name in ("device", "dtype", "rows", "threads", "exact", "trust_remote_code"):
            value = getattr(config, field.name)
            if value != field.default:
                option = field.name.replace("_", "-")
                raise UserError(f"--{option} {value} means nothing to the engine 'scripted'. Leave it out.")
    name = config.model or "adder"
    if name not in SCRIPTS:
        raise UserError(f"the engine 'scripted' has no script {name!r}. {did_you_mean(name, SCRIPTS)}")
    return name


def _budgets(strategy: Strategy) -> Iterable[int]:
    yield from getattr(strategy, "budgets", None) or ()
    if budget := getattr(strategy, "budget", None):
        yield budget


def _learned_tokens(strategy: Strategy) -> Iterable[LearnedToken]:
    for field in fields(strategy):  # type: ignore[arg-type]  # the registry admits dataclasses only
        value = getattr(strategy, field.name)
        if isinstance(value, LearnedToken):
            yield value
