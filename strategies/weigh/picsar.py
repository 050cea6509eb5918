"""PiCSAR (arXiv 2508.21787)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from tts_bench.api import Answer, Budget, Problem, Reasoner
from tts_bench.strategies.sampling import at_least, countable, pool
from tts_bench.strategies.weigh.weights import best, picsar


@dataclass(frozen=True)
class Picsar:
    """PiCSAR (arXiv 2508.21787): take the sample that the model itself finds most probable.

    The score is log p(thinking) + log p(answer | thinking), in nats, of the sampled tokens with their ends. One rung
    for each number of samples, 1 to all.

    Differs: the answer is everything sampled after thinking, including its explanation; the paper scores a short
    answer after a separate prompt. Probabilities are the model's own, before temperature and cuts.
    Costs: nothing extra if log-probabilities come with the samples.
    Unsuitable if: samples differ greatly in length, since a sum of logarithms prefers the shortest. `normalized`
    divides the first term by the length of thinking (PiCSAR-N).

    Options:
        normalized: whether the log-probability of thinking is divided by its number of tokens.
        samples: number of samples.
        budget: thinking tokens of each sample; none sets no limit.
    """

    normalized: bool = False
    samples: int = 16
    budget: Annotated[int | None, Budget] = None
    groups = ("weigh", "cheap")
    needs = ("logprob",)

    def __post_init__(self) -> None:
        countable(samples=self.samples)
        at_least(1, budget=self.budget)

    @property
    def rungs(self) -> tuple[str, ...]:
        return tuple(str(count + 1) for count in range(self.samples))

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        answers = await pool(reasoner, range(self.samples), self.budget)
        said, rated = [answer.extracted for answer in answers], [self.rate(reasoner, answer) for answer in answers]
        for count in range(1, self.samples + 1):
            yield reasoner.choose(answers[best(rated, said[:count])], seen=answers[:count])

    def rate(self, reasoner: Reasoner, answer: Answer) -> float:
        [trace] = answer.traces
        return picsar(reasoner.logprobs(trace), trace.segments[-1].spent, normalized=self.normalized)
