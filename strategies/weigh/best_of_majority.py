"""Best-of-Majority (arXiv 2510.03199)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from tts_bench.api import Aggregation, Answer, Budget, Problem, Reasoner
from tts_bench.strategies.sampling import at_least, countable, fraction, pool
from tts_bench.strategies.weigh.scores import needed, values
from tts_bench.strategies.weigh.weights import of_frequent


@dataclass(frozen=True)
class BestOfMajority:
    """Best-of-Majority (arXiv 2510.03199): take the frequent answer that a scorer rates best.

    An answer is frequent if at least a share alpha of the samples with an answer give it; its rating is the mean
    score of its samples. One rung for each number of samples, 1 to all.

    Differs: one answer is chosen, while the paper chooses k. The paper derives alpha from a coverage that is
    unknown in practice; 0.125 drops answers that only one of 16 samples gives. If no answer is frequent, all are
    rated.
    Costs: the scorer reads every sample, including rare answers.
    Unsuitable if: answers scatter, so that right ones are rare; alpha=0 then rates them all.

    Options:
        alpha: minimum share of the samples for a frequent answer.
        samples: number of samples.
        scorer: name of the scorer, as given by --scorer NAME=KIND; empty: the run's only scorer.
        how: how step scores are combined: last, min, prod or mean; none: the scorer's own value.
        budget: thinking tokens of each sample; none sets no limit.
    """

    alpha: float = 0.125
    samples: int = 16
    scorer: str = ""
    how: Aggregation | None = None
    budget: Annotated[int | None, Budget] = None
    groups = ("weigh",)

    def __post_init__(self) -> None:
        countable(samples=self.samples)
        at_least(1, budget=self.budget)
        fraction(alpha=self.alpha)

    @property
    def needs(self) -> tuple[str, ...]:
        return needed(self.scorer)

    @property
    def rungs(self) -> tuple[str, ...]:
        return tuple(str(count + 1) for count in range(self.samples))

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        answers = await pool(reasoner, range(self.samples), self.budget)
        scores = await reasoner.score(answers, by=self.scorer)
        rated, said = values(scores, self.how), [answer.extracted for answer in answers]
        for count in range(1, self.samples + 1):
            yield reasoner.choose(answers[of_frequent(rated, said[:count], self.alpha)], seen=scores[:count])
