"""Self-certainty with Borda voting (arXiv 2502.18581)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from tts_bench.api import Answer, Budget, Problem, Reasoner
from tts_bench.strategies.sampling import at_least, countable, pool
from tts_bench.strategies.weigh.weights import borda, self_certainty


@dataclass(frozen=True)
class SelfCertainty:
    """Self-certainty (arXiv 2502.18581): samples vote by their rank in the model's own certainty.

    The certainty of a sample is the mean over its sampled tokens, thinking and answer, of -(mean of the k largest
    log-probabilities) - log k; the r-th most certain of n samples has (n - r + 1)^p votes. One rung for each number of
    samples, 1 to all.

    Differs: the paper takes all V tokens of the vocabulary, which gives the divergence KL(uniform || model); k = V
    gives the same value. k = 20 gives a different measure, self-certainty@20, since it leaves out the unlikely
    tokens, which dominate the paper's mean; it is not divided by the probability of the k tokens.
    Costs: nothing extra if log-probabilities come with the samples; the paper re-reads every sample.
    Unsuitable if: longer samples are less certain on average, or the model is confidently wrong; power=0 is the
    plain vote.

    Options:
        power: exponent p of the votes, from 0 (plain vote) upwards; large values pick the most certain sample.
        k: how many of the largest log-probabilities of each token, at least 2. Servers often give no more than 20.
        samples: number of samples.
        budget: thinking tokens of each sample; none sets no limit.
    """

    power: float = 0.5
    k: int = 20
    samples: int = 16
    budget: Annotated[int | None, Budget] = None
    groups = ("weigh", "cheap")

    def __post_init__(self) -> None:
        countable(samples=self.samples)
        at_least(1, budget=self.budget)
        at_least(2, k=self.k)  # the largest alone is nearest to 0 where the model is surest
        if not 0 <= self.power < float("inf"):
            raise ValueError(f"power is {self.power}; it takes a number from 0 upwards")

    @property
    def needs(self) -> tuple[str, ...]:
        return (f"top_mean:{self.k}",)

    @property
    def rungs(self) -> tuple[str, ...]:
        return tuple(str(count + 1) for count in range(self.samples))

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        answers = await pool(reasoner, range(self.samples), self.budget)
        said = [answer.extracted for answer in answers]
        means = [reasoner.logprobs(answer.traces[0], self.needs[0]) for answer in answers]
        certain = [self_certainty(each, self.k) for each in means]
        for count in range(1, self.samples + 1):
            yield reasoner.vote(answers[:count], weights=borda(certain[:count], said[:count], self.power))
