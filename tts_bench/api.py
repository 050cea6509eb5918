"""The contract between a strategy and the harness. Needs the standard library alone.

A strategy is an anytime solver: for one problem it yields better and better answers as it spends compute. It reaches
the model through its `Reasoner` only, so what it costs is what the harness saw it spend.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from math import fsum, prod
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    from random import Random


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


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of a conversation, for `Reasoner.ask`. Thinking inside an assistant's turn is left out of the prompt."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Sampling:
    """How one token is drawn from its logits: bias, temperature, top-k, top-p, min-p, in this order; 0 means greedy.

    `bias` bans or favours tokens, by their ids or by texts of one token each: `(("Wait", -inf), (" wait", -2.0))`.

    Raises:
        ValueError: a value outside its range.
    """

    temperature: float = 1.0
    top_k: int = 0  # 0: all
    top_p: float = 1.0
    min_p: float = 0.0
    # Added to the logit of each token; -inf: never. Of single calls only: no flag has it.
    bias: tuple[tuple[int | str, float], ...] = field(default=(), repr=False, metadata={"passed_on": True})

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < float("inf"):  # NaN fails this comparison too
            raise ValueError(f"temperature is {self.temperature}; it takes a number from 0 (greedy) upwards")
        if self.top_k < 0:
            raise ValueError(f"top_k is {self.top_k}; it takes a whole number from 0 (all tokens) upwards")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p is {self.top_p}; it takes a number above 0, at most 1")
        if not 0 <= self.min_p < 1:
            raise ValueError(f"min_p is {self.min_p}; it takes a number from 0 to below 1")
        for token, added in self.bias:
            if not added < float("inf"):
                raise ValueError(f"the bias of {token!r} is {added}; it takes a number, or -inf for a ban")

    @property
    def name(self) -> str:
        """All of it as text, as it stands in keys of streams and of the store."""
        return f"{self!r} bias {self.bias}" if self.bias else repr(self)


class Budget:
    """Marks an option as a length of thinking in tokens, or several: `budget: Annotated[int | None, Budget] = None`.

    It is held against the model's context and the cap of a run before the run, and its claim is tried by the kit.
    """


class Forced:
    """Marks an option as a cue: `cue: Annotated[str, Forced] = "Wait"`. Engines that take whole messages refuse it."""


class Effort:
    """Marks an option as settings of a server's own knob: `efforts: Annotated[tuple[str, ...], Effort]`."""


Mark = type[Budget] | type[Forced] | type[Effort]

SegmentKind = Literal["prompt", "context", "thinking", "cue", "closing", "prefill", "answer", "probe"]


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of tokens with one origin: sampled (`thinking`, `answer`, the end of a `probe`) or put in."""

    kind: SegmentKind
    tokens: tuple[int, ...]  # what the model reads on
    text: str
    origin: str  # digest of what stands before it, its kind and its random stream: the same origin is the same compute
    start: int  # tokens that stand before it
    stream: str = ""  # key of the random stream; empty where nothing was sampled
    end: tuple[
        int, ...
    ] = ()  # end of thinking or turn, or a stop text, sampled after `tokens`: what follows replaces it
    paid: int = 0  # first tokens of an answer prompt that are the model's own end of thinking, sampled just before
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
    before: int = 0  # tokens on the critical path before this trace began
    stopped: str = ""  # the stop text that think() came to; put() gives it back

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

    prompt: int = 0  # read, up to the length of the task's own prompt
    thinking: int = 0  # sampled while thinking, replaced ends of thinking included
    forced: int = 0  # put in by the harness: cues, prefills, and what closes thinking
    answer: int = 0  # sampled while answering
    sequential: int = 0  # sampled and forced tokens on the critical path: latency
    flops: float = 0.0  # parameters and attention, prefill included
    context: int = 0  # read beyond the length of the task's own prompt: what ask() adds
    probe: int = 0  # put in and sampled by probe()
    discarded: int = 0  # of thinking that was seen and never answered: what was cut off, killed or left open
    verifier: int = 0  # read by scorers, each time that they read it; on no axis of tokens, and in `flops`
    judge: int = 0  # sampled by scorers that write

    @property
    def sampled(self) -> int:
        return self.thinking + self.answer

    @property
    def generated(self) -> int:
        """The default compute axis: all tokens that were sampled, put in or read beyond the task's own prompt."""
        of_model = self.thinking + self.forced + self.answer + self.context + self.probe + self.discarded
        return of_model + self.judge


@dataclass(frozen=True, eq=False)
class Answer:
    """An answer with its bill. Made by the reasoner only; a strategy yields it as it is."""

    text: str  # what the scorer reads
    extracted: str | None  # canonical form for votes, found without the gold answer; None where there is none
    cost: Cost
    traces: tuple[Trace, ...]  # closed traces it depends on: one, or all that were voted on
    lineage: tuple[Segment, ...] = field(repr=False)  # all unique segments it depends on, longest version of each


@dataclass(frozen=True, eq=False)
class Probe:
    """What the model said when it was asked on the side. The trace that was probed does not change."""

    text: str  # what was sampled, without the text that was put in
    extracted: str | None  # as the task reads an answer in `text` after the text that was put in
    tokens: int  # sampled, stop included
    trace: Trace = field(repr=False)  # that was probed
    lineage: tuple[Segment, ...] = field(repr=False)


@dataclass(frozen=True, eq=False)
class Score:
    """What a scorer says of an answer or a trace, higher being better. Looking at it is paid for by naming it."""

    value: float  # of the whole
    steps: tuple[float, ...]  # of each step, in order; empty where the scorer gives the whole one number
    by: str  # the scorer's name in the run
    candidate: Answer | Trace = field(repr=False)  # that was scored
    lineage: tuple[Segment, ...] = field(repr=False)


Seen = Trace | Answer | Probe | Score
Aggregation = Literal["last", "min", "prod", "mean"]


def aggregate(steps: Sequence[float], how: Aggregation) -> float:
    """One number for the scores of steps: of the last step, the least, their product, their mean.

    Raises:
        ValueError: there are no steps, or no such aggregation.
    """
    if not steps:
        raise ValueError("there are no steps to aggregate: the scorer gives the whole one number, which is its value")
    ways: dict[str, Callable[[Sequence[float]], float]] = {
        "last": lambda each: each[-1],
        "min": min,
        "prod": prod,
        "mean": lambda each: fsum(each) / len(each),
    }
    if how not in ways:
        raise ValueError(f"the aggregation is {how!r}; it takes one of {', '.join(ways)}")
    return float(ways[how](steps))


class Reasoner(Protocol):
    """The only door to the model, opened for one problem. Budgets are lengths of the whole trace's thinking.

    Traces, answers, probes and scores are believed only where this problem's reasoner made them. What a strategy
    decides by looking at them is paid for by naming them: `seen` adds to the bill, and to the critical path, without a
    ballot.
    """

    async def think(
        self,
        trace: Trace | None = None,
        *,
        max_tokens: int | None = None,
        stop: Sequence[str] = (),
        sampling: Sampling | None = None,
        effort: str | None = None,
    ) -> Trace:
        """Think, or think on, up to the end-of-thinking delimiter or until the trace's thinking holds `max_tokens`.

        `stop`: texts that end this call early; the one that did is named in `Trace.stopped`, stands before whatever is
        thought next, and is replaced by what is put in. A trace of another handle is continued as a fork, with this
        handle's random stream. `sampling` is of this call. `effort` is a setting of a server's own knob, such as low.
        """
        ...

    def put(self, trace: Trace | None, text: Cue, *, max_tokens: int | None = None) -> Trace:
        """Put `text` in where thinking stands, in the place of its end or of a stop text; None: before any thinking.

        The stop text itself gives the trace as if it had not been stopped. Without room it comes back as it is.
        """
        ...

    def force(self, trace: Trace, cue: Cue, *, max_tokens: int | None = None) -> Trace:
        """Replace the end of thinking by `cue`. A truncated trace, or one with no room left, comes back as it is."""
        ...

    def cut(self, trace: Trace, tokens: int) -> Trace:
        """The first `tokens` of its thinking, as an open trace. The rest was seen: it is billed as discarded."""
        ...

    async def answer(
        self,
        trace: Trace | None = None,
        *,
        prefill: str = "",
        max_tokens: int | None = None,
        sampling: Sampling | None = None,
    ) -> Answer:
        """Close thinking, with the same suffix for every arm, and let the model answer; None: without thinking.

        `prefill` is put in as the beginning of the answer. `max_tokens` limits what is sampled after it.
        """
        ...

    async def probe(self, trace: Trace, text: str, *, max_tokens: int = 20, stop: Sequence[str] = ()) -> Probe:
        """Put `text` in after the thinking so far and let the model go on, on the side: `trace` stays as it is."""
        ...

    async def score(self, candidates: Sequence[Answer | Trace], *, by: str = "") -> tuple[Score, ...]:
        """What the scorer of the run that is called `by` says of each: a reward model, a judge, a function.

        Each is scored as the task's prompt and a text, also where no answer was extracted; but for controls, equal
        texts have equal scores. "": the only scorer of the run.
        """
        ...

    def ask(self, prompt: str | Sequence[Turn], *, system: str | None = None, seen: Sequence[Seen] = ()) -> Reasoner:
        """A handle for another prompt, or for a conversation. `seen`: all that went into the prompt."""
        ...

    def branch(self, label: str, *, seen: Sequence[Seen] = ()) -> Reasoner:
        """A handle with an independent random stream. Branch "0" is the handle's own stream.

        `seen`: what the decision to open it was made from.
        """
        ...

    async def race(
        self,
        handles: Sequence[Reasoner],
        *,
        enough: Callable[[Sequence[Trace]], bool] | None = None,
        cut_at: Callable[[Trace], int | None] | None = None,
        max_tokens: int | None = None,
    ) -> tuple[Trace, ...]:
        """Let all handles think at once on the token clock: every trace gets its next token at the same tick.

        `enough` is asked, whenever traces come to their end, with all that have, in order of their ends; when it is
        true the others stop at that tick. `cut_at` is asked now and then about an open trace and names the token count
        at which it dies, or None; it must say the same of a longer version, and may not take back what it let live.
        Killed traces come back open and cost what they are. The result does not depend on the order of arrival.
        """
        ...

    def vote(
        self,
        answers: Sequence[Answer],
        *,
        weights: Sequence[float] | None = None,
        ties: Literal["first", "shortest"] = "first",
        seen: Sequence[Seen] = (),
    ) -> Answer:
        """The extracted answer with most ballots, or most weight; no answer never beats an answer.

        A tie goes to the one seen first, or to the one with the `shortest` thinking.
        """
        ...

    def choose(self, answer: Answer, *, seen: Sequence[Seen] = ()) -> Answer:
        """This answer, with the bill of all that was looked at to choose it."""
        ...

    def logprobs(self, trace: Trace | Probe, column: str = "logprob") -> tuple[float, ...]:
        """Natural logarithms beside the sampled tokens of `trace`, ends among them, in their order.

        Of a probe: beside the tokens that it sampled, its stop among them, and no others.
        Of the model's own distribution, before temperature and cuts. "logprob": of the sampled token; "top_mean:20":
        the mean of the 20 largest; "entropy": of the distribution, in nats. `Strategy.needs` has to name the column.
        """
        ...

    def extract(self, text: str) -> str | None:
        """The canonical form of the answer that the task reads in `text`."""
        ...

    def tokens(self, text: str) -> tuple[int, ...]:
        """The ids of the tokens in which the model reads `text` where it is put in, for lengths and for biases."""
        ...

    def sampling(self, trace: Trace | None = None) -> Sampling:
        """How the run draws the next token of the thinking of `trace`; None: the first.

        To change one setting of a call and keep the rest: `replace(reasoner.sampling(trace), temperature=1.2)`.
        """
        ...

    def random(self, label: str) -> Random:
        """Random numbers that depend on the run's seed, the problem, this branch and `label` alone."""
        ...

    def cost(self, *what: Seen) -> Cost:
        """What these cost together, each unique segment once."""
        ...


@runtime_checkable
class Strategy(Protocol):
    """A frozen dataclass whose fields are its options. `rungs`, if it has them, names the answers it yields.

    What an option asks of a model is marked in its type: `Budget`, `Forced`, `Effort`. What a strategy needs besides is
    named in `needs`, if it has it: columns of `logprobs`, "prefill" or "stops" where it goes on from inside a text,
    "bias" where its `Sampling` has one, and "scorer" or "scorer:NAME" where it scores. What lacks one is refused before
    the run. `groups`, if it has them, are names under which several run at once: `tts-bench run --strategies GROUP`.
    """

    def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]: ...
