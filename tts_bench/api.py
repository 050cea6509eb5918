"""The contract between a strategy and the harness. Uses the standard library only.

A strategy is an anytime solver: for one problem, it yields better and better answers as it spends compute. It reaches
the model only through its `Reasoner`, so the harness measures everything it costs.
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
    """A problem as a strategy sees it, without the gold answer."""

    id: str
    task: str
    prompt: str  # after lm-eval's formatting, before the chat template


@dataclass(frozen=True, slots=True)
class LearnedToken:
    """A continue-thinking token: one input-embedding row trained for one frozen model (arXiv 2506.11274)."""

    name: str  # e.g. "<|continue-thinking|>"
    row: tuple[float, ...]  # float32 values, one per hidden unit
    model: str  # fingerprint of the model that the row was trained for
    digest: str  # SHA-256 of the row's float32 bytes


Cue = str | LearnedToken  # replaces the end of thinking


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of a conversation, for `Reasoner.ask`. Thinking inside an assistant's turn is left out of the prompt."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a token is sampled from its logits: bias, temperature (0: greedy), top-k, top-p, min-p, in this order.

    `bias` bans or favours tokens, given as ids or single-token texts: `(("Wait", -inf), (" wait", -2.0))`.

    Raises:
        ValueError: a value is out of range.
    """

    temperature: float = 1.0
    top_k: int = 0  # 0: all
    top_p: float = 1.0
    min_p: float = 0.0
    # Added to the logits of these tokens; -inf bans. For single calls only; no flag sets it.
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
        """All settings as text, as used in stream and store keys."""
        return f"{self!r} bias {self.bias}" if self.bias else repr(self)


class Budget:
    """Marks an option as one or several thinking budgets in tokens: `budget: Annotated[int | None, Budget] = None`.

    Before a run, it is checked against the model's context and the run's cap. The conformance kit tests its claim.
    """


class Forced:
    """Marks an option as a cue: `cue: Annotated[str, Forced] = "Wait"`. Chat-only engines refuse it."""


class Effort:
    """Marks an option as effort settings of a server: `efforts: Annotated[tuple[str, ...], Effort]`."""


Mark = type[Budget] | type[Forced] | type[Effort]

SegmentKind = Literal["prompt", "context", "thinking", "cue", "closing", "prefill", "answer", "probe"]


@dataclass(frozen=True, slots=True)
class Segment:
    """Consecutive tokens of one origin: sampled (`thinking`, `answer`, the end of a `probe`) or inserted."""

    kind: SegmentKind
    tokens: tuple[int, ...]  # what further generation reads
    text: str
    origin: str  # digest of what precedes it, its kind and its random stream: same origin, same compute
    start: int  # number of tokens before it
    stream: str = ""  # key of the random stream; empty if nothing was sampled
    end: tuple[
        int, ...
    ] = ()  # end of thinking or turn, or a stop text, sampled after `tokens`; what follows replaces it
    paid: int = 0  # first tokens of an answer prompt that the model has just sampled itself, as its end of thinking
    spent: int = field(init=False, compare=False)  # tokens billed for this segment

    def __post_init__(self) -> None:
        object.__setattr__(self, "spent", len(self.tokens) + len(self.end) - self.paid)


@dataclass(frozen=True)
class Trace:
    """An immutable token sequence. Continuing, forcing or probing it makes a new one."""

    segments: tuple[Segment, ...]
    thinking_ended: bool = False  # by the model itself
    truncated: bool = False  # thinking reached its budget
    cues_wanted: int = 0  # cues requested; `cues` counts those inserted
    before: int = 0  # tokens on the critical path before this trace began
    stopped: str = ""  # the stop text that ended think(); put() can restore it

    @property
    def tokens(self) -> tuple[int, ...]:
        return tuple(token for segment in self.segments for token in segment.tokens)

    @property
    def text(self) -> str:
        return "".join(segment.text for segment in self.segments)

    @property
    def thinking_tokens(self) -> int:
        """The length that budgets limit: sampled thinking with its ends, and cues; neither prompt nor answer."""
        return sum(segment.spent for segment in self.segments if segment.kind in ("thinking", "cue"))

    @property
    def cues(self) -> int:
        return sum(segment.kind == "cue" for segment in self.segments)


@dataclass(frozen=True, slots=True)
class Cost:
    """What an answer cost, in tokens: each unique segment of its lineage counts once."""

    prompt: int = 0  # read, up to the length of the task's own prompt
    thinking: int = 0  # sampled while thinking, replaced ends of thinking included
    forced: int = 0  # inserted by the harness: cues, prefills, and what closes thinking
    answer: int = 0  # sampled while answering
    sequential: int = 0  # sampled and forced tokens on the critical path: latency
    flops: float = 0.0  # parameters and attention, prefill included
    context: int = 0  # read beyond the length of the task's own prompt: what ask() adds
    probe: int = 0  # inserted and sampled by probe()
    discarded: int = 0  # thinking that was seen but never answered: cut off, killed or left open
    verifier: int = 0  # read by scorers, counted at each reading; part of `flops`, but of no token axis
    judge: int = 0  # sampled by scorers that generate text

    @property
    def sampled(self) -> int:
        return self.thinking + self.answer

    @property
    def generated(self) -> int:
        """The default compute axis: all tokens sampled, inserted, or read beyond the task's own prompt."""
        of_model = self.thinking + self.forced + self.answer + self.context + self.probe + self.discarded
        return of_model + self.judge


@dataclass(frozen=True, eq=False)
class Answer:
    """An answer with its cost. Only the reasoner makes answers; a strategy yields them unchanged."""

    text: str  # what the scorer reads
    extracted: str | None  # canonical form for votes, found without the gold answer; None if there is none
    cost: Cost
    traces: tuple[Trace, ...]  # closed traces it depends on: one, or all in the vote
    lineage: tuple[Segment, ...] = field(repr=False)  # all unique segments it depends on, each in its longest version


@dataclass(frozen=True, eq=False)
class Probe:
    """What the model replied to a probe. The probed trace does not change."""

    text: str  # what was sampled, without the inserted text
    extracted: str | None  # the answer that the task extracts from the inserted text and `text`
    tokens: int  # sampled, stop included
    trace: Trace = field(repr=False)  # the probed trace
    lineage: tuple[Segment, ...] = field(repr=False)


@dataclass(frozen=True, eq=False)
class Score:
    """A scorer's rating of an answer or a trace; higher is better. A decision based on it names it as `seen`."""

    value: float  # of the whole
    steps: tuple[float, ...]  # of each step, in order; empty if the scorer rates only the whole
    by: str  # the scorer's name in the run
    candidate: Answer | Trace = field(repr=False)  # what was scored
    lineage: tuple[Segment, ...] = field(repr=False)


Seen = Trace | Answer | Probe | Score
Aggregation = Literal["last", "min", "prod", "mean"]


def aggregate(steps: Sequence[float], how: Aggregation) -> float:
    """Combine the scores of steps into one number: the last, the lowest, their product or their mean.

    Raises:
        ValueError: there are no steps, or the aggregation is unknown.
    """
    if not steps:
        raise ValueError("there are no steps to aggregate: the scorer rates only the whole; use its value")
    ways: dict[str, Callable[[Sequence[float]], float]] = {
        "last": lambda each: each[-1],
        "min": min,
        "prod": prod,
        "mean": lambda each: fsum(each) / len(each),
    }
    if how not in ways:
        raise ValueError(f"aggregation is {how!r}; it takes one of {', '.join(ways)}")
    return float(ways[how](steps))


class Reasoner(Protocol):
    """The only access to the model, for one problem. Budgets limit the thinking of the whole trace.

    Only traces, answers, probes and scores made by this problem's reasoner are accepted. A strategy that bases a
    decision on some of them names them as `seen`: they join the bill and the critical path, but do not vote.
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
        """Think, or continue thinking, up to the end-of-thinking delimiter or `max_tokens` of thinking in the trace.

        `stop`: texts that end this call early. The one that did is in `Trace.stopped`; further thinking continues after
        it, and inserted text replaces it. Without room for a token, the trace is returned truncated, and `stopped` is
        left as it was. A trace of another handle is continued as a fork, with this handle's random stream. `sampling`
        applies to this call only. `effort` is an effort setting of the server, such as low.
        """
        ...

    def put(self, trace: Trace | None, text: Cue, *, max_tokens: int | None = None) -> Trace:
        """Insert `text` after the thinking so far, in place of its end or of a stop text; None: before any thinking.

        Inserting the stop text itself undoes the stop. If there is no room, the trace is returned unchanged. One that
        was truncated stays so until it thinks on.
        """
        ...

    def force(self, trace: Trace, cue: Cue, *, max_tokens: int | None = None) -> Trace:
        """Replace the end of thinking by `cue`. A trace that is truncated or has no room left is returned unchanged."""
        ...

    def cut(self, trace: Trace, tokens: int) -> Trace:
        """The first `tokens` of its thinking, as an open trace. The rest was seen, so it is billed as discarded.

        If `tokens` is its whole length, it is no longer truncated: the strategy has decided to stop there.
        """
        ...

    async def answer(
        self,
        trace: Trace | None = None,
        *,
        prefill: str = "",
        max_tokens: int | None = None,
        sampling: Sampling | None = None,
    ) -> Answer:
        """Close thinking, with the same suffix for all strategies, and let the model answer; None: without thinking.

        `prefill` is inserted as the beginning of the answer. `max_tokens` limits what is sampled after it.
        """
        ...

    async def probe(self, trace: Trace, text: str, *, max_tokens: int = 20, stop: Sequence[str] = ()) -> Probe:
        """Insert `text` after a copy of the thinking so far and let the model continue; `trace` does not change."""
        ...

    async def score(self, candidates: Sequence[Answer | Trace], *, by: str = "") -> tuple[Score, ...]:
        """Score each candidate with the run's scorer `by`: a reward model, a judge or a function.

        A scorer reads the task's prompt and a text, even if no answer was extracted. Equal texts have equal scores,
        except from controls. "": the run's only scorer.
        """
        ...

    def ask(self, prompt: str | Sequence[Turn], *, system: str | None = None, seen: Sequence[Seen] = ()) -> Reasoner:
        """A handle for another prompt, or for a conversation. `seen`: everything that the prompt is based on.

        `system`: a system prompt; None: that of the run, unless the conversation contains one.
        """
        ...

    def branch(self, label: str, *, seen: Sequence[Seen] = ()) -> Reasoner:
        """A handle with an independent random stream. Branch "0" is the handle's own stream.

        `seen`: what the decision to open it is based on.
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
        """Let all handles think in parallel on the token clock: every trace gets its next token at the same tick.

        Whenever traces end, `enough` is called with all that have ended, in order of their ends; once it is true, the
        others stop at that tick. `cut_at` is called now and then with an open trace and returns the token count at
        which it is killed, or None; the result must be the same for a longer version, and never a length that it has
        already let live. Killed traces are returned open and billed as they are. Arrival order changes no result.
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
        """The extracted answer with the most votes, or the most weight; a missing answer never beats an answer.

        A tie goes to the one seen first, or to the one with the `shortest` thinking.
        """
        ...

    def choose(self, answer: Answer, *, seen: Sequence[Seen] = ()) -> Answer:
        """This answer, billed for everything that was looked at to choose it."""
        ...

    def logprobs(self, trace: Trace | Probe, column: str = "logprob") -> tuple[float, ...]:
        """One value per sampled token of `trace`, in order, ends included.

        For a probe: per token that the probe itself sampled, its stop included. Values are of the model's own
        distribution, before temperature and cut-offs, in nats. "logprob": of the sampled token; "top_mean:20": the mean
        of the 20 largest; "entropy": of the distribution. `Strategy.needs` must name the column.
        """
        ...

    def extract(self, text: str) -> str | None:
        """The canonical form of the answer that the task extracts from `text`."""
        ...

    def tokens(self, text: str) -> tuple[int, ...]:
        """The token ids of `text` when it is inserted, for lengths and biases."""
        ...

    def sampling(self, trace: Trace | None = None) -> Sampling:
        """The run's sampling settings for the next thinking token of `trace`; None: for the first.

        To change one setting for a call and keep the rest: `replace(reasoner.sampling(trace), temperature=1.2)`.
        """
        ...

    def random(self, label: str) -> Random:
        """Random numbers that depend only on the run's seed, the problem, this branch and `label`."""
        ...

    def cost(self, *what: Seen) -> Cost:
        """What these cost together; each unique segment counts once."""
        ...


@runtime_checkable
class Strategy(Protocol):
    """A frozen dataclass whose fields are its options. `rungs`, if present, names the answers it yields.

    An option's type marks what the option requires of a model: `Budget`, `Forced`, `Effort`. `needs`, if present, lists
    what else the strategy requires: columns of `logprobs`, "prefill" or "stops" to continue from inside a text, "bias"
    for a sampling with biases, and "scorer" or "scorer:NAME" to score. A strategy whose needs are not met is refused
    before the run. `groups`, if present, are names that run several strategies: `tts-bench run --strategies GROUP`.
    """

    def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]: ...
