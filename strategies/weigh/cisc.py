"""Confidence-informed self-consistency (arXiv 2502.06233)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from math import exp, fsum
from typing import Annotated

from tts_bench.api import Answer, Budget, Problem, Reasoner
from tts_bench.strategies.sampling import at_least, pool
from tts_bench.strategies.weigh.weights import softmax


@dataclass(frozen=True)
class Cisc:
    """CISC (arXiv 2502.06233): samples vote with softmax weights of the model's confidence in each.

    The confidence is the response probability: exp(mean log-probability of the sampled tokens, thinking and answer).
    The weight of a sample is exp(confidence / temperature), normalized over the samples of the problem. One rung for
    each number of samples, 1 to all.

    Differs: the confidence is the response probability alone. The paper's best one, P(True), needs the probability of a
    given next token behind the answer; a probe stands behind thinking, and gives that of the token which it sampled.
    The paper tunes the temperature on problems with known answers; it is an option here, and 0.1 is not from the paper.
    Costs: nothing, where log-probabilities come with the samples.
    Wrong where: samples of one problem are about equally probable: then it is the plain vote.

    Options:
        temperature: of the softmax, above 0; small ones take the most confident sample, large ones are a plain vote.
        samples: how many samples.
        budget: thinking tokens of each sample; none sets no limit.
    """

    temperature: float = 0.1
    samples: int = 16
    budget: Annotated[int | None, Budget] = None
    groups = ("weigh", "cheap")
    needs = ("logprob",)

    def __post_init__(self) -> None:
        at_least(1, samples=self.samples, budget=self.budget)
        if not self.temperature > 0:
            raise ValueError(f"temperature is {self.temperature}; it takes a number above 0")

    @property
    def rungs(self) -> tuple[str, ...]:
        return tuple(str(count + 1) for count in range(self.samples))

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        answers = await pool(reasoner, range(self.samples), self.budget)
        said, sure = [answer.extracted for answer in answers], [self.rate(reasoner, answer) for answer in answers]
        for count in range(1, self.samples + 1):
            weights = softmax(sure[:count], said[:count], self.temperature)
            yield reasoner.vote(answers[:count], weights=weights)

    def rate(self, reasoner: Reasoner, answer: Answer) -> float:
        logprobs = reasoner.logprobs(answer.traces[0])
        return exp(fsum(logprobs) / len(logprobs)) if logprobs else 0.0
