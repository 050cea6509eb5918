"""Adaptive-Consistency (Aggarwal et al. 2023, arXiv 2305.11860): sample until the vote is as good as decided."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from math import comb
from typing import Annotated

from tts_bench.api import Answer, Budget, Problem, Reasoner


@dataclass(frozen=True)
class AdaptiveConsistency:
    """Sample traces one by one, vote, and stop as soon as the leading answer is likely to stay in front.

    Options:
        samples: how many traces at most.
        confidence: probability above which the leader counts as decided, between 0.5 and 1.
        budget: thinking tokens of each sample; none sets no limit.
    """

    samples: int = 16
    confidence: float = 0.95
    budget: Annotated[int | None, Budget] = None

    def __post_init__(self) -> None:
        if self.samples < 1:
            raise ValueError(f"samples is {self.samples}; it takes a whole number from 1 upwards")
        if not 0.5 <= self.confidence < 1:
            raise ValueError(f"confidence is {self.confidence}; it takes a number from 0.5 to below 1")
        if self.budget is not None and self.budget < 1:
            raise ValueError(f"budget is {self.budget}; it takes a number of tokens from 1 upwards, or none")

    @property
    def rungs(self) -> tuple[str, ...]:
        return tuple(str(count + 1) for count in range(self.samples))

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        answers: list[Answer] = []
        for index in range(self.samples):
            branch = reasoner.branch(str(index))
            answers.append(await branch.answer(await branch.think(max_tokens=self.budget)))
            # The vote is billed for all samples so far: those that the stop is decided from.
            yield reasoner.vote(answers)
            if lead(answers) > self.confidence:
                return


def lead(answers: Sequence[Answer]) -> float:
    """Probability that the leading answer is more frequent than the next one, given their votes and a uniform prior.

    The paper's Beta criterion: Beta(first + 1, second + 1) above one half, which for whole numbers is a sum of
    binomial coefficients. Answers that cannot be extracted are no votes.
    """
    ballots = Counter(answer.extracted for answer in answers if answer.extracted is not None)
    first, second = [*(votes for _, votes in ballots.most_common(2)), 0, 0][:2]
    tosses = first + second + 1
    return sum(comb(tosses, heads) for heads in range(first + 1)) / 2**tosses
