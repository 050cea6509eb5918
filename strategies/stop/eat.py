"""EAT: stop thinking when the entropy after its end has settled."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from tts_bench.api import Answer, Budget, Problem, Reasoner
from tts_bench.strategies.sampling import at_least, fraction


@dataclass(frozen=True)
class Eat:
    """EAT (arXiv 2509.26522): a side check after each paragraph ends thinking when the entropy has settled.

    Entropy is that of the first token of the answer, in nats, over the whole vocabulary. Its moving mean m begins
    at the first value, its moving variance v at 0. A value x updates them to m' = (1 - a) m + a x and
    v' = (1 - a) v + a (x - m')^2.
    With rule=level, the entropy itself is compared, as in HALT-CoT (OpenReview CX5c7C1CZa). The model waits for each
    check.

    Differs: the end of thinking is the run's own, with its suffix that asks for the answer. Thinking cannot stop in
    the first 4 paragraphs. The code has 25, which easy problems do not reach.
    Costs: each check inserts the end of thinking (billed as forced) and samples one token (billed as answer).
    Unsuitable if: the run's suffix fixes the first token of an answer, or thinking has no paragraphs.

    Options:
        threshold: variance, or entropy in nats, below which thinking ends; 0 is never reached.
        rule: whether the moving variance (EAT) or the level (HALT-CoT) of the entropy decides.
        timescale: the weight a of a new value.
        paragraphs: number of paragraphs before thinking may end.
        stop: the text that ends a paragraph.
        budget: thinking tokens; none sets no limit.
    """

    threshold: float = 1e-4
    rule: Literal["variance", "level"] = "variance"
    timescale: float = 0.2
    paragraphs: int = 4
    stop: str = "\n\n"
    budget: Annotated[int | None, Budget] = None
    groups = ("stop",)
    needs = ("entropy", "prefill", "stops")

    def __post_init__(self) -> None:
        at_least(1, paragraphs=self.paragraphs, budget=self.budget)
        fraction(timescale=self.timescale)
        if not 0 <= self.threshold < float("inf"):
            raise ValueError(f"threshold is {self.threshold}; it takes a number from 0 upwards")
        if not self.stop:
            raise ValueError("stop is ''; it takes a text that is not empty")
        if self.rule not in ("variance", "level"):
            raise ValueError(f"rule is {self.rule!r}; it takes variance or level")

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        trace, looks = await reasoner.think(stop=[self.stop], max_tokens=self.budget), list[Answer]()
        entropies, door = list[float](), reasoner
        while trace.stopped and not trace.truncated:
            if trace.thinking_tokens != self.budget:  # there a look could stop nothing
                looks.append(await door.answer(trace, max_tokens=1))
                entropies += reasoner.logprobs(looks[-1].traces[0], "entropy")[-1:]
                value = moving_variance(entropies, self.timescale) if self.rule == "variance" else entropies[-1]
                if len(looks) >= self.paragraphs and value < self.threshold:
                    break  # the answer goes on from this look
                door = reasoner.branch("0", seen=looks)  # the same stream, after the look
            trace = await door.think(trace, stop=[self.stop], max_tokens=self.budget)
        yield reasoner.choose(await door.answer(trace), seen=looks)


def moving_variance(values: Sequence[float], weight: float) -> float:
    """The exponential moving variance at the last value."""
    mean, variance = values[0], 0.0
    for value in values[1:]:
        mean = (1 - weight) * mean + weight * value
        variance = (1 - weight) * variance + weight * (value - mean) ** 2
    return variance
