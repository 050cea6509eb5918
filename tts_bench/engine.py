"""What every engine offers: tokens in, tokens out, with declared capabilities. Uses the standard library only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from tts_bench.api import LearnedToken, Turn
from tts_bench.api import Sampling as Sampling  # engines speak of it too
from tts_bench.columns import ENTROPY, NO_COLUMNS, Columns, named, top_of
from tts_bench.errors import UserError

# "logprobs": it gives `Generation.columns`, all of them unless `EngineInfo.top_logprobs` says otherwise
Capability = Literal["learned-tokens", "token-ids", "seeds", "logprobs", "effort", "bias"]


@dataclass(frozen=True, slots=True)
class Request:
    """Sample on from `prompt + prefix`.

    The token at index i of `prefix` and of what is sampled after it has stream position i: its uniform number is
    `streams.uniform(stream, i)`, whoever asks, so a shorter request gives a prefix of a longer one.

    Raises:
        ValueError: `columns` that do not exist, or are not in order.
    """

    prompt: tuple[int, ...]  # read in one go (prefill)
    prefix: tuple[int, ...]  # known tokens after the prompt; learned tokens by the id that `Engine.learn` gave
    max_tokens: int  # at least 1
    stream: str
    sampling: Sampling = field(default_factory=Sampling)
    stop_ids: frozenset[int] = frozenset()  # single tokens that stop
    stop_texts: tuple[str, ...] = ()  # texts that stop, also where they straddle tokens
    sampled: int = 0  # how many of the prefix's last tokens belong to this very generation, cut earlier by a limit
    effort: str = ""  # an effort setting of the server; engines that do not declare "effort" are never given one
    turns: tuple[Turn, ...] = ()  # the same as a conversation; empty inside a turn. No part of a key
    columns: tuple[str, ...] = ()  # wanted beside each sampled token, as `columns.named` gives them

    def __post_init__(self) -> None:
        if self.columns and self.columns != named(frozenset(self.columns)):
            raise ValueError(f"columns are {self.columns}; they have to be sorted, and each there once")


Finish = Literal["stop", "length", "context"]


@dataclass(frozen=True, slots=True)
class Generation:
    """The tokens sampled by one request. A token that straddles the beginning of a stop text belongs to the stop."""

    tokens: tuple[int, ...]  # the stop included
    finish: Finish  # a stop was sampled, max_tokens was reached, or the context window is full
    stop: int = 0  # how many of the generation's last tokens are the stop, counted with `Request.sampled` before them
    columns: Columns = NO_COLUMNS  # those of `Request.columns`, a number for each of `tokens`


class Tokenizer(Protocol):
    """Text to token ids and back; ids are what is counted."""

    @property
    def end_ids(self) -> frozenset[int]:
        """Ends of turn and of sequence."""
        ...

    @property
    def chat_template(self) -> str | None: ...

    def encode(self, text: str) -> tuple[int, ...]:
        """Token ids of `text` alone: nothing is added, names of special tokens are read as such."""
        ...

    def decode(self, tokens: Sequence[int]) -> str:
        """Text of `tokens`, special tokens included."""
        ...

    def render(self, prompt: str | Sequence[Turn], system: str | None = None) -> str:
        """The prompt, or conversation, as the chat template words it, up to where the model's turn begins."""
        ...


@dataclass(frozen=True)
class Recording:
    """What an engine has that gives outputs of another program, and can generate nothing."""

    task: str  # whose problems they answer
    data: str  # SHA-256 of its rows
    documents: tuple[int, ...]  # of that task, those that have outputs
    samples: int  # outputs that each of them has at least
    fewest: str  # the problem that has no more
    thinking: int  # tokens of the longest thinking
    answer: int  # and of the longest answer
    of: Callable[[Sequence[int]], Recording]  # the same of some of the documents, as if there were no others


@dataclass(frozen=True)
class EngineInfo:
    """What a record says of an engine."""

    name: str
    model: str  # as the user named it
    fingerprint: str  # SHA-256 of weights, config and tokenizer
    context: int  # tokens, prompt included
    capabilities: frozenset[Capability]
    identity: dict[str, object]  # settings that change output: part of the key under which generations are stored
    settings: dict[str, object]  # settings that do not: rows, threads ...
    exact: bool  # a request's logits do not depend on its neighbours: proven by a self-test on this machine
    exact_note: str  # how that is known, or why it is not so
    continues: bool = True  # False: it takes whole messages, and cannot think on from where a trace stands
    layers: int = 0  # for FLOPs
    width: int = 0  # attention width (heads x head size), for FLOPs
    parameters: int = 0  # multiplied for each token: all but the input embedding
    top_logprobs: int | None = None  # the most K of "top_mean:K", of a server that gives so many and no entropy; or any
    at_once: int = 0  # requests that it decodes at once, on all workers; 0: it does not say
    recorded: Recording | None = None  # of an engine that generates nothing: what it has. No store keeps it again

    def __post_init__(self) -> None:
        if type(self.at_once) is not int or self.at_once < 0:
            raise UserError(
                f"the engine {self.name!r} says that it decodes {self.at_once!r} requests at once; at_once of its "
                "EngineInfo is a whole number, or 0 where it is not known."
            )


def check_columns(info: EngineInfo, columns: tuple[str, ...]) -> None:
    """Refuse `columns` that the engine cannot give, before anything is generated.

    Raises:
        UserError: it gives none, no entropy, or no mean of so many.
    """
    if columns and "logprobs" not in info.capabilities:
        raise UserError(
            f"{', '.join(columns)}: the engine {info.name!r} with {info.model} returns no log-probabilities. "
            "Type --engine hf, or remove what needs them."
        )
    most = info.top_logprobs
    if most is None:
        return
    if ENTROPY in columns:
        raise UserError(
            f"{ENTROPY}: {info.name!r} with {info.model} returns only the most probable tokens, and entropy needs all. "
            "Type --engine hf or --engine vllm."
        )
    if high := [name for name in columns if top_of(name) > most]:
        raise UserError(
            f"{', '.join(high)}: {info.name!r} with {info.model} returns log-probabilities of at most {most} tokens. "
            f"Ask for no more, or type --engine hf or --engine vllm."
        )


def learned_id(token: LearnedToken) -> int:
    """The id of a learned token: beyond every vocabulary, and made from its row, so that equal rows have equal ids."""
    return 1 << 48 | int(token.digest[:12], 16)


class Engine(Protocol):
    """Generates for all that is in flight at once."""

    @property
    def info(self) -> EngineInfo: ...

    @property
    def tokenizer(self) -> Tokenizer: ...

    @property
    def busy_seconds(self) -> float:
        """Seconds spent generating so far: what is left of a run's time is the harness's own."""
        ...

    def learn(self, token: LearnedToken) -> int:
        """Make `token` known; returns `learned_id(token)`, which stands for it in prompts and prefixes.

        Raises:
            UserError: the token was made for another model, or its row has another length than the model's rows.
        """
        ...

    async def generate(self, requests: Sequence[Request]) -> list[Generation]:
        """One generation for each request, in their order. Concurrent calls share batches."""
        ...

    async def close(self) -> None:
        """Release the model. Requests in flight are cancelled."""
        ...
