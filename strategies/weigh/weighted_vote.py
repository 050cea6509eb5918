"""A vote weighted by a scorer (arXiv 2206.02336, 2408.03314)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from tts_bench.api import Aggregation, Answer, Budget, Problem, Reasoner
from tts_bench.strategies.sampling import at_least, countable, pool
from tts_bench.strategies.weigh.scores import needed, values
from tts_bench.strategies.weigh.weights import own


@dataclass(frozen=True)
class WeightedVote:
    """Weighted vote (arXiv 2206.02336; "weighted" of search-and-learn): each sample's vote is its score.

    The answer with the largest sum of scores wins. One rung for each number of samples, 1 to all.

    Differs: search-and-learn always uses the last step, whatever its option says; here the option is obeyed.
    Costs: the scorer reads every sample.
    Unsuitable if: scores can be negative, which is an error; use a scorer with values from 0 upwards. If all scores
    are nearly equal, it is the plain vote.

    Options:
        samples: number of samples.
        scorer: name of the scorer, as given by --scorer NAME=KIND; empty: the run's only scorer.
        how: how step scores are combined: last, min, prod or mean; none: the scorer's own value.
        budget: thinking tokens of each sample; none sets no limit.
    """

    samples: int = 16
    scorer: str = ""
    how: Aggregation | None = None
    budget: Annotated[int | None, Budget] = None
    groups = ("weigh",)

    def __post_init__(self) -> None:
        countable(samples=self.samples)
        at_least(1, budget=self.budget)

    @property
    def needs(self) -> tuple[str, ...]:
        return needed(self.scorer)

    @property
    def rungs(self) -> tuple[str, ...]:
        return tuple(str(count + 1) for count in range(self.samples))

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        answers = await pool(reasoner, range(self.samples), self.budget)
        scores = await reasoner.score(answers, by=self.scorer)
        weights = own(values(scores, self.how), [answer.extracted for answer in answers])
        for count in range(1, self.samples + 1):
            yield reasoner.vote(answers[:count], weights=weights[:count], seen=scores[:count])
