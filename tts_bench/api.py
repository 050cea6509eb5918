"""The contract between a strategy and the harness. Needs the standard library alone.

A strategy is an anytime solver: for one problem it yields better and better answers as it spends compute. It reaches
the model through its `Reasoner` only, so what it costs is what the harness saw it spend.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class Problem:
    """What a strategy may see of a problem: never the gold answer."""

    id: str
    task: str
    prompt: str  # after lm-eval's formatting, before the chat template


@dataclass(frozen=True, slots=True)
class LearnedToken:
    """A continue-thinking token: one input-embedding row trained for one frozen model (arXiv 2506.11274)."""

    name: str  # e.g. "<|continue-thinking|>"
    row: tuple[float, ...]  # float32 values, one for each hidden unit
    model: str  # fingerprint of the model whose embedding space the row lives in
    digest: str  # SHA-256 of the row's float32 bytes


Cue = str | LearnedToken  # what is put in the place of the end of thinking


class Budget:
    """Marks an option as a length of thinking in tokens, or several: `budget: Annotated[int | None, Budget] = None`.

    It is held against the model's context and the cap of a run before the run, and its claim is tried by the kit.
    """


class Forced:
    """Marks an option as a cue: `cue: Annotated[str, Forced] = "Wait"`. Engines that take whole messages refuse it."""


class Effort:
    """Marks an option as settings of a server's own knob: `efforts: Annotated[tuple[str, ...], Effort]`."""


Mark = type[Budget] | type[Forced] | type[Effort]

SegmentKind = Literal["prompt", "thinking", "cue", "closing", "answer"]


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of tokens with one origin: `thinking` and `answer` are sampled, the other kinds are put in."""

    kind: SegmentKind
    tokens: tuple[int, ...]  # what the model reads on
    text: str
    origin: str  # digest of what stands before it, its kind and its random stream: the same origin is the same compute
    start: int  # tokens that stand before it
    stream: str = ""  # key of the random stream; empty where nothing was sampled
    end: tuple[int, ...] = ()  # the end of thinking (or of turn) sampled after `tokens`: a cue or closing replaces it
    paid: int = 0  # first tokens of a closing that are the model's own end of thinking, sampled just before
    spent: int = field(init=False, compare=False)  # tokens that this segment adds to a bill

    def __post_init__(self) -> None:
        object.__setattr__(self, "spent", len(self.tokens) + len(self.end) - self.paid)


@dataclass(frozen=True)
class Trace:
    """An immutable token sequence. Continuing, forcing or probing one makes a new one."""

    segments: tuple[Segment, ...]
    thinking_ended: bool = False  # by the model itself
    truncated: bool = False  # thinking ran into its budget
    cues_wanted: int = 0  # cues asked for; `cues` counts those that were put in
    before: int = 0  # tokens on the critical path before this trace's branch was opened

    @property
    def tokens(self) -> tuple[int, ...]:
        return tuple(token for segment in self.segments for token in segment.tokens)

    @property
    def text(self) -> str:
        return "".join(segment.text for segment in self.segments)

    @property
    def thinking_tokens(self) -> int:
        """Length that budgets speak of: sampled thinking with its ends, and cues; neither prompt nor answer."""
        return sum(segment.spent for segment in self.segments if segment.kind in ("thinking", "cue"))

    @property
    def cues(self) -> int:
        return sum(segment.kind == "cue" for segment in self.segments)


@dataclass(frozen=True, slots=True)
class Cost:
    """What an answer depends on, in tokens: each unique segment of its lineage counts once."""

    prompt: int = 0
    thinking: int = 0  # sampled while thinking, replaced ends of thinking included
    forced: int = 0  # put in by the harness: cues, and what closes thinking
    answer: int = 0  # sampled while answering
    sequential: int = 0  # sampled and forced tokens on the critical path: latency
    flops: float = 0.0  # parameters and attention, prefill included

    @property
    def sampled(self) -> int:
        return self.thinking + self.answer

    @property
    def generated(self) -> int:
        """The default compute axis: sampled and forced tokens."""
        return self.thinking + self.forced + self.answer


@dataclass(frozen=True, eq=False)
class Answer:
    """An answer with its bill. Made by the reasoner only; a strategy yields it as it is."""

    text: str  # what the scorer reads
    extracted: str | None  # canonical form for votes, found without the gold answer; None where there is none
    cost: Cost
    traces: tuple[Trace, ...]  # closed traces it depends on: one, or all that were voted on
    lineage: tuple[Segment, ...] = field(repr=False)  # their unique segments, longest version of each


class Reasoner(Protocol):
    """The only door to the model, opened for one problem. Budgets are lengths of the whole trace's thinking."""

    async def think(
        self, trace: Trace | None = None, *, max_tokens: int | None = None, effort: str | None = None
    ) -> Trace:
        """Think, or think on, up to the end-of-thinking delimiter or until the trace's thinking holds `max_tokens`.

        `effort` is a setting of a server's own knob, such as low; what it means the server alone knows.
        """
        ...

    def force(self, trace: Trace, cue: Cue, *, max_tokens: int | None = None) -> Trace:
        """Replace the end of thinking by `cue`. A truncated trace, or one with no room left, comes back as it is."""
        ...

    async def answer(self, trace: Trace) -> Answer:
        """Close thinking, with the same suffix for every arm, and let the model answer."""
        ...

    def branch(self, label: str) -> Reasoner:
        """A handle with an independent random stream. Branch "0" is the handle's own stream."""
        ...

    def vote(self, answers: Sequence[Answer]) -> Answer:
        """The most frequent extracted answer; ties go to the one seen first; no answer never beats an answer."""
        ...


@runtime_checkable
class Strategy(Protocol):
    """A frozen dataclass whose fields are its options. `rungs`, if it has them, names the answers it yields.

    What an option asks of a model is marked in its type: `Budget`, `Forced`, `Effort`.
    """

    def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]: ...
