"""What a user chooses: the model and how it generates, and what a run does with it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields, replace
from datetime import date
from pathlib import Path
from typing import Any

from tts_bench.engines.base import Sampling
from tts_bench.errors import UserError, did_you_mean

# Options of which an engine says whether they mean something to it.
ENGINE_OPTIONS = (
    "device",
    "dtype",
    "rows",
    "threads",
    "workers",
    "ray",
    "exact",
    "trust_remote_code",
    "base_url",
    "tokenizer",
    "request_timeout",
    "vllm",
)


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
    efforts: tuple[str, ...] = ()  # settings of a server's own knob


@dataclass(frozen=True)
class ModelConfig:
    """The model, its engine, how it thinks and how it is sampled: the same for every strategy."""

    model: str | None = None  # a folder, a GGUF file, a hub id or an alias; None: the engine's default
    engine: str = "hf"
    device: str = "auto"
    dtype: str = "auto"
    rows: int | None = None  # sequences decoded together; None: 64, or 128 where the model is tiny
    threads: int | None = None
    workers: int | None = None  # engines; None: 1, or one for each core where the model is tiny and on the CPU
    ray: str | None = None  # the cluster whose machines the workers are on: auto, local, or host:port
    exact: bool = True  # prove by a self-test that batches do not change text
    trust_remote_code: bool = False
    base_url: str | None = None  # of an endpoint, up to /v1
    tokenizer: str | None = None  # of an endpoint's model: a folder, an alias or a hub id
    request_timeout: float = 600.0  # seconds for one reply of an endpoint
    vllm: str = ""  # key=value,... of vLLM's own options
    thinking: str | None = None  # name of a thinking format; None: found from the tokenizer
    think_start: str | None = None
    think_end: str | None = None
    answer_suffix: str | None = None
    system: str | None = None
    template_args: tuple[str, ...] = field(default=(), repr=False)  # name=value, for the chat template
    reasoning_effort: str | None = field(default=None, repr=False)  # where the chat template has it
    template_date: str | None = field(default=None, repr=False)  # for templates that tell it; None: of the first run
    temperature: float | None = None  # None: what the model itself recommends
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    continuation_sampling: str = ""  # key=value,... for thinking after a cue, where it differs
    answer_sampling: str = ""  # ... and for answers
    max_thinking_tokens: int | None = (
        None  # cap of a trace's thinking; None: 8192, or less where the context is smaller
    )
    max_answer_tokens: int | None = None  # kept for the answer on top of it; None: 1024, or an eighth of the context
    seed: int = 0
    store: Path | None = None
    needs: Needs = field(
        default=Needs(), repr=False, compare=False, metadata={"option": False}
    )  # the strategies', not the user's

    def __post_init__(self) -> None:
        for name in ("rows", "threads", "workers", "max_thinking_tokens", "max_answer_tokens"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UserError(f"--{name.replace('_', '-')} is {value}; it takes a whole number from 1 upwards.")
        if not 0 < self.request_timeout < float("inf"):
            raise UserError(f"--request-timeout is {self.request_timeout}; it takes a number of seconds above 0.")
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
        said = {name: getattr(self, name) for name in ("temperature", "top_k", "top_p", "min_p")}
        thinking = _change(recommended, {name: value for name, value in said.items() if value is not None}, "--")
        continuation = _change(thinking, _pairs("--continuation-sampling", self.continuation_sampling))
        return thinking, continuation, _change(thinking, _pairs("--answer-sampling", self.answer_sampling))


@dataclass(frozen=True)
class RunConfig:
    """One run: strategies on tasks with one model."""

    model: ModelConfig
    tasks: tuple[str, ...]
    strategies: tuple[str, ...]
    limit: int | None = None  # the first problems of each task
    data_dir: Path | None = None
    in_flight: int | None = None  # problems worked on at once; None: 64 for each engine
    timeout: float = 3600.0  # seconds for one strategy on one problem

    def __post_init__(self) -> None:
        for name in ("limit", "in_flight"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UserError(f"--{name.replace('_', '-')} is {value}; it takes a whole number from 1 upwards.")
        if not 0 < self.timeout < float("inf"):
            raise UserError(f"--timeout is {self.timeout}; it takes a number of seconds above 0.")


def _no_number(text: str) -> None:
    raise ValueError(text)  # NaN and Infinity are texts


def _change(sampling: Sampling, values: dict[str, float], prefix: str = "") -> Sampling:
    try:
        return replace(sampling, **values)  # type: ignore[arg-type]
    except ValueError as error:
        raise UserError(f"{prefix}{str(error).replace('_', '-') if prefix else error}.") from error


def _pairs(option: str, text: str) -> dict[str, float]:
    known = {each.name: int if each.type == "int" else float for each in fields(Sampling)}
    values: dict[str, float] = {}
    for piece in filter(None, text.split(",")):
        key, _, value = piece.partition("=")
        if key not in known:
            raise UserError(f"{option} has {key!r}, which is no sampling parameter. {did_you_mean(key, known)}")
        try:
            values[key] = known[key](value)
        except ValueError:
            raise UserError(f"{option} has {key}={value!r}; it takes a number.") from None
    return values
