"""What a user chooses: the model and how it generates, and what a run does with it.

The fields of these classes are the flags of the command line, with the same help.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from tts_bench.engine import Sampling
from tts_bench.errors import UserError
from tts_bench.grammar import pairs
from tts_bench.options import at_least, option, read

SEEDS = range(2**63)  # what every file and library that is given a seed can hold
# Keys whose empty text says something: no system prompt, nothing that asks for an answer, nothing overridden.
BLANK = frozenset({"system", "answer_suffix", "continuation_sampling", "answer_sampling"})
_PYTHONS = {"True": True, "False": False, "None": None}
_TAKEN = {  # names that a chat template is given by the run -> what to type in their place
    "messages": "Leave it out.",
    "add_generation_prompt": "Leave it out.",
    "strftime_now": "Type --template-date.",
}


@dataclass(frozen=True)
class Needs:
    """What a run's strategies ask of an engine, for one that would have to pay to find out what it can do."""

    thinks_on: str = ""  # what to say if it takes whole messages only: one has to go on from inside a trace, or empty
    efforts: tuple[str, ...] = ()  # effort settings of a server
    columns: tuple[str, ...] = ()  # numbers beside each sampled token, as `columns.named` gives them


@dataclass(frozen=True)
class ModelConfig:
    """The model, its engine, how it thinks and how it is sampled: the same for every strategy.

    Raises:
        UserError: a value out of range.
    """

    model: str | None = option(
        None, "Local folder, GGUF file, hub id or alias; for an endpoint, the served model name.", shown="pocket"
    )
    engine: str = option(
        "hf", "hf, vllm, openai, replay, scripted or an installed engine; NAME:option=value,... sets its options."
    )
    thinking: str | None = option(None, "Thinking format, if it is not detected.")
    think_start: str | None = option(None, "Delimiter that starts thinking.")
    think_end: str | None = option(None, "Delimiter that ends thinking.")
    answer_suffix: str | None = option(None, "Text that asks for the final answer.")
    system: str | None = option(None, "System prompt.")
    template_args: tuple[str, ...] = option(
        (), "name=value for the chat template, such as enable_thinking=true; repeatable."
    )
    reasoning_effort: str | None = option(None, "Reasoning effort, if the chat template supports it: low, medium, ...")
    template_date: str | None = option(
        None,
        "Date given to the chat template (YYYY-MM-DD), if the template uses one.",
        shown="date of the first start, also on resume",
    )
    temperature: float | None = option(None, "Sampling temperature; 0 is greedy.", shown="the model's own, or 1")
    top_k: int | None = option(None, "Top-k sampling; 0 disables it.")
    top_p: float | None = option(None, "Nucleus (top-p) sampling; 1 disables it.")
    min_p: float | None = option(None, "Min-p sampling; 0 disables it.")
    continuation_sampling: str = option("", "Sampling overrides after a cue: key=value,...")
    answer_sampling: str = option("", "Sampling overrides for answers: key=value,...")
    max_thinking_tokens: int | None = option(
        None, "Maximum thinking tokens per trace, cues included.", shown="8192, or what fits in the context"
    )
    max_answer_tokens: int | None = option(
        None, "Tokens reserved for the answer, in addition.", shown="1024, or an eighth of the context"
    )
    seed: int = option(0, "Random seed.")
    store: Path | None = option(None, "SQLite cache of generations.", shown="generations.sqlite next to the run folder")

    def __post_init__(self) -> None:
        _check(self, "max_thinking_tokens", "max_answer_tokens")
        if self.seed not in SEEDS:
            raise UserError(f"--seed is {self.seed}; it takes a whole number from 0 to {SEEDS[-1]}.")
        self.day()
        self.arguments()

    def day(self) -> date | None:
        """The date that the chat template is told; None where nobody says.

        Raises:
            UserError: it is no date.
        """
        try:
            return None if self.template_date is None else date.fromisoformat(self.template_date)
        except ValueError:
            raise UserError(f"--template-date is {self.template_date!r}; it takes a date such as 2026-01-31.") from None

    def arguments(self) -> dict[str, Any]:
        """What the chat template is given: true, false, null, numbers, "texts", lists and objects as JSON has them.

        Everything else is a text; True, False and None, which Python users type, are what they mean there.

        Raises:
            UserError: a piece without a name or a value, a name given twice, or one that the harness itself sets.
        """
        values: dict[str, Any] = {}
        for piece in self.template_args:
            name, equals, text = piece.partition("=")
            name = name.strip()
            if not equals or not name.isidentifier():
                raise UserError(f"--template-arg has {piece!r}; it takes name=value, such as enable_thinking=true.")
            if name in values:
                raise UserError(f"--template-arg gives {name} twice. Give it once.")
            if name in _TAKEN:
                raise UserError(f"--template-arg {name} is set by the run itself. {_TAKEN[name]}")
            try:
                values[name] = _PYTHONS[text] if text in _PYTHONS else json.loads(text, parse_constant=_no_number)
            except (ValueError, RecursionError):
                values[name] = text
        return values

    def sampling(self, recommended: Sampling) -> tuple[Sampling, Sampling, Sampling]:
        """How thinking, continued thinking and answers are sampled.

        Raises:
            UserError: a value out of range, or an unknown key.
        """
        names = ("temperature", "top_k", "top_p", "min_p")
        said = {name: value for name in names if (value := getattr(self, name)) is not None}
        try:
            thinking = replace(recommended, **said)
        except ValueError as error:
            raise UserError(f"--{str(error).replace('_', '-')}.") from error
        continuation = _other(thinking, "--continuation-sampling", self.continuation_sampling)
        return thinking, continuation, _other(thinking, "--answer-sampling", self.answer_sampling)


@dataclass(frozen=True)
class RunConfig:
    """One run: strategies on tasks with one model.

    Raises:
        UserError: a value out of range.
    """

    model: ModelConfig
    tasks: tuple[str, ...]
    strategies: tuple[str, ...]
    limit: int | None = option(None, "Use only the first N problems of each task.", shown="600 for the default task")
    data_dir: Path | None = option(None, "Folder with data files (or TTS_BENCH_DATA).")
    in_flight: int | None = option(None, "Number of problems in flight.", shown="as many as keep the engine busy")
    timeout: float = option(
        3600.0, "Timeout in seconds, per strategy and problem; engine time counts by the share of its requests."
    )
    out: Path | None = option(None, "Run folder.", shown="runs/NAME")
    keep_logprobs: bool = option(False, "Also write the log-probabilities that strategies use, to logprobs.jsonl.gz.")
    scorers: tuple[str, ...] = option(
        (), "NAME=KIND:key=value,... for strategies that use a scorer: reward-model, judge, function; repeatable."
    )

    def __post_init__(self) -> None:
        _check(self, "limit", "in_flight")
        if not 0 < self.timeout < float("inf"):
            raise UserError(f"--timeout is {self.timeout}; it takes a number of seconds above 0.")


def _check(config: ModelConfig | RunConfig, *names: str) -> None:
    try:
        at_least(1, config, *names)
    except ValueError as error:
        name, _, said = str(error).partition(" ")
        raise UserError(f"--{name.replace('_', '-')} {said}.") from error


def _no_number(text: str) -> None:
    raise ValueError(text)  # NaN and Infinity are texts


def _other(sampling: Sampling, flag: str, text: str) -> Sampling:
    if not text:
        return sampling
    try:
        return replace(sampling, **read(Sampling, pairs(text, flag), flag))
    except ValueError as error:
        raise UserError(f"{flag}: {error}.") from error
