"""A model made ready: its engine, and the conditions that all arms share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tts_bench import registry
from tts_bench.api import LearnedToken
from tts_bench.config import ModelConfig, Needs
from tts_bench.core.conditions import Conditions
from tts_bench.engine import Engine, Recording, Sampling, check_columns
from tts_bench.engines import kinds
from tts_bench.engines.kinds import Chosen, Starting
from tts_bench.errors import UserError, did_you_mean
from tts_bench.marks import learned_tokens
from tts_bench.registry import BuiltStrategy
from tts_bench.solving.requirements import (
    biases,
    budgets,
    check_recorded,
    columns_of,
    efforts,
    messages_only,
    thinks_on,
)
from tts_bench.templates import ChatTemplate
from tts_bench.text import safe
from tts_bench.thinking import FAMILIES, Found, chosen, study
from tts_bench.tokens import find

if TYPE_CHECKING:
    from tts_bench.models import Progress

_PAPER_THINKING, _PAPER_ANSWER = 8192, 1024  # Bmax and the answer's reserve of arXiv 2506.11274, section 4


@dataclass(frozen=True)
class Model:
    """Loaded until its engine is closed."""

    engine: Engine
    conditions: Conditions
    source: str  # where the weights come from
    notes: tuple[str, ...]  # what a user has to know of the model
    found: Found  # how it thinks, and how that was told
    code: tuple[Path, ...] = ()  # files with code of the model's own that is run

    @property
    def template(self) -> ChatTemplate | None:
        """The chat template with the user's arguments and its date; None where prompts are worded without one."""
        return getattr(self.engine.tokenizer, "template", None)

    def dated(self, day: date) -> Model:
        """The same model, whose chat template tells this date."""
        if self.template is not None:
            self.engine.tokenizer.template = replace(self.template, day=day)  # type: ignore[attr-defined]
        return self

    def facts(self) -> dict[str, Any]:
        """What a record says of the model and its engine; no path, no secret."""
        info, conditions = self.engine.info, self.conditions
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
            "thinking_format": conditions.format.recorded(),
            "sampling": {
                "thinking": _sampled(conditions.thinking),
                "continuation": _sampled(conditions.continuation),
                "answer": _sampled(conditions.answer),
            },
            "max_thinking_tokens": conditions.max_thinking,
            "max_answer_tokens": conditions.max_answer,
            "system": conditions.system,
            "seed": conditions.seed,
            **self._template_facts(),
        }

    def _template_facts(self) -> dict[str, Any]:
        """Of the chat template what decides a prompt beside its source; nothing where nothing does."""
        template = self.template
        if template is None:
            return {}
        said: dict[str, Any] = {"arguments": dict(template.arguments)} if template.arguments else {}
        if self.found.dated:
            said["date"] = template.day.isoformat()
        return {"template": said} if said else {}

    def admit(self, built: BuiltStrategy, recorded: Recording | None = None) -> BuiltStrategy:
        """Check before a run that the model and engine can do what a strategy asks for.

        What its options ask for, `tts_bench.marks` tells. A learned token that it leaves open becomes the one shipped
        for this model. `recorded` is what the engine has of the problems that are played, where these are not all.

        Raises:
            UserError: a budget above the cap or the context window, a learned token that does not fit or is missing, or
            an engine that cannot do what the strategy asks for.
        """
        name, info = safe(built.id), self.engine.info
        if recorded := recorded or info.recorded:
            check_recorded(built, recorded)
        try:
            check_columns(info, columns_of(built.strategy))
        except UserError as error:
            raise UserError(f"{name}: {error}") from error
        for budget in budgets(built.strategy):
            if budget > (room := info.context - self.conditions.max_answer):
                raise UserError(
                    f"{name}: a budget of {budget} tokens is larger than the context window: {info.context} tokens, of "
                    f"which {self.conditions.max_answer} are reserved for the answer. Give at most {room - 1}."
                )
            if budget > self.conditions.max_thinking:
                raise UserError(
                    f"{name}: a budget of {budget} tokens is above the cap of {self.conditions.max_thinking} for every "
                    f"trace. Give --max-thinking-tokens {budget} too, or a smaller budget."
                )
        if not info.continues and (why := thinks_on(built)):
            raise UserError(messages_only(why))
        if self.conditions.format.mode == "one-reply" and any(budgets(built.strategy)):
            raise UserError(
                f"{name}: a budget would cut the reply, since the endpoint returns thinking and answer in one. "
                "Remove it, or use the server's effort setting: --strategy reasoning-effort:efforts=..."
            )
        if efforts(built.strategy) and "effort" not in info.capabilities:
            raise UserError(
                f"{name}: the engine {info.name} has no effort setting. Run it on a chat endpoint that has "
                "one, or use --strategy baseline:budgets=... here."
            )
        if biases(built) and "bias" not in info.capabilities:
            raise UserError(
                f"{name}: it bans or favours tokens, but the engine {info.name} with {info.model} has no biases. "
                "Type --engine hf or --engine vllm, or remove it."
            )
        tokens = learned_tokens(built.strategy)
        if tokens and "learned-tokens" not in info.capabilities:
            raise UserError(f"{name}: engine {info.name} does not support learned tokens. Type --engine hf.")
        missing = [field for field, token in tokens.items() if token is None]
        if missing:
            built = registry.with_options(built, **dict.fromkeys(missing, self._shipped(built)))
        for token in learned_tokens(built.strategy).values():
            assert token is not None
            self.engine.learn(token)
        return built

    def _shipped(self, built: BuiltStrategy) -> LearnedToken:
        info = self.engine.info
        token = find.shipped_for(info.fingerprint)
        if token is None:
            raise UserError(
                f"{built.label} names no token, and no token ships for {info.model}. Type {built.name}:token=FOLDER, "
                f"or train one: tts-bench train-token --model {info.model} --task TASK"
            )
        return token


@dataclass(frozen=True)
class CheckedModel:
    """What a user chose of a model, where no model is needed to see that it can be."""

    config: ModelConfig
    engine: Chosen
    needs: Needs


def _sampled(sampling: Sampling) -> dict[str, Any]:
    """As run.json says it; a run as a whole has no bias."""
    return {name: value for name, value in asdict(sampling).items() if name != "bias"}


def check(config: ModelConfig, needs: Needs | None = None) -> CheckedModel:
    """Refuse what no model could make right; imports no library. `needs` are those of the run's strategies.

    Raises:
        UserError: an engine, device, dtype, script, URL or thinking format that cannot be, an option that means nothing
            to the engine, an engine that is not installed, or sampling out of range.
    """
    needs = needs or Needs()
    engine = kinds.check(config, needs)
    config.sampling(Sampling())
    chosen(config.thinking, config.think_start, config.think_end)
    return CheckedModel(config, engine, needs)


def load_model(config: ModelConfig, progress: Progress | None = None) -> Model:
    """`load_checked` of what `check` finds.

    Raises:
        UserError: anything in `config` that is unknown, out of range, or impossible with this model.
    """
    return load_checked(check(config), progress)


def begin(checked: CheckedModel) -> Starting | None:
    """Let a model's engine load in other processes, if it is one that does; `load_checked` waits for it.

    Raises:
        UserError: what is impossible with this model.
    """
    return kinds.begin(checked.config, checked.engine, checked.needs)


@contextmanager
def given_up_on_error(starting: Starting | None) -> Iterator[None]:
    """No process goes on loading for what ends in an error in here."""
    try:
        yield
    except BaseException:
        if starting:
            starting.close()
        raise


def load_checked(checked: CheckedModel, progress: Progress | None = None, starting: Starting | None = None) -> Model:
    """Load a model, or wait for the one that is `starting`; `progress` is told of a download or a conversion.

    Raises:
        UserError: anything in its settings that is impossible with this model.
    """
    config = checked.config
    loaded = starting.ready() if starting else kinds.load(config, checked.engine, checked.needs, progress)
    engine = loaded.engine
    found = _found(loaded, config)
    form = found.form
    thinking, continuation, answer = config.sampling(loaded.recommended)
    if recorded := engine.info.recorded:  # nothing of it is cut
        thinks, answers = max(1, recorded.thinking), max(1, recorded.answer)
        config = replace(config, max_thinking_tokens=thinks, max_answer_tokens=answers)
    max_answer = config.max_answer_tokens or min(_PAPER_ANSWER, max(1, engine.info.context // 8))
    room = engine.info.context - max_answer
    if room < 2:
        raise UserError(
            f"--max-answer-tokens {max_answer} leaves no room to think in a context of {engine.info.context} tokens."
        )
    if config.max_thinking_tokens is not None and config.max_thinking_tokens >= room:
        raise UserError(
            f"--max-thinking-tokens {config.max_thinking_tokens} is larger than the context window: "
            f"{engine.info.context} tokens, of which {max_answer} are reserved for the answer. Give at most {room - 1}."
        )
    conditions = Conditions(
        format=form,
        seed=config.seed,
        thinking=thinking,
        continuation=continuation,
        answer=answer,
        max_thinking=config.max_thinking_tokens or min(_PAPER_THINKING, room - 1),
        max_answer=max_answer,
        system=config.system,
        columns=checked.needs.columns,
    )
    return Model(engine, conditions, loaded.source, loaded.notes, found, loaded.code)


def _found(loaded: kinds.Loaded, config: ModelConfig) -> Found:
    """How the model thinks, with its tokenizer's template and ends of turn set to what was chosen and found."""
    tokenizer: Any = loaded.engine.tokenizer
    if loaded.form is not None:
        _refuse_template_options(config, "the endpoint takes messages only, and its server words the prompt")
        return Found(loaded.form, "unknown")
    return prepared(tokenizer, config)


def prepared(tokenizer: Any, config: ModelConfig) -> Found:  # noqa: ANN401 - any engine's tokenizer
    """Set `tokenizer` to the user's template arguments and date, and say how its model thinks.

    Raises:
        UserError: as `thinking.study`, or an option that the chat template has no use for.
    """
    template = getattr(tokenizer, "template", None)
    if template is None:
        why = (
            "the model has no chat template" if tokenizer.chat_template is None else "this engine words its own prompts"
        )
        _refuse_template_options(config, why)
    else:
        tokenizer.template = _with_options(template, config)
    found = study(
        tokenizer,
        name=config.thinking,
        think_start=config.think_start,
        think_end=config.think_end,
        answer_suffix=config.answer_suffix,
        system=config.system,
    )
    known = {effort for family in FAMILIES if family.name == found.form.name for effort in family.efforts}
    if known and config.reasoning_effort not in (None, *known):
        raise UserError(
            f"--reasoning-effort is {config.reasoning_effort!r}. {did_you_mean(str(config.reasoning_effort), known)}"
        )
    if template is not None:
        if config.template_date is not None and not found.dated:
            raise UserError(f"--template-date {config.template_date}: the chat template uses no date. Remove it.")
        tokenizer.template = found.template
        tokenizer.end_ids |= frozenset(token for end in found.ends for token in tokenizer.encode(end))
    return found


def _with_options(template: ChatTemplate, config: ModelConfig) -> ChatTemplate:
    arguments, effort = config.arguments(), config.reasoning_effort
    if effort is not None:
        name = template.effort_name()
        if not name:
            raise UserError(f"--reasoning-effort {effort}: the chat template has no reasoning effort. Remove it.")
        if name in arguments:
            raise UserError(f"--reasoning-effort and --template-arg {name} set the same option. Give one of them.")
        arguments[name] = effort
    return replace(template, arguments=arguments, day=config.day() or date.today())


def _refuse_template_options(config: ModelConfig, why: str) -> None:
    given = {
        "--template-arg": config.template_args,
        "--reasoning-effort": config.reasoning_effort,
        "--template-date": config.template_date,
    }
    for option, value in given.items():
        if value:
            raise UserError(f"{option} does not apply: {why}. Remove it.")
