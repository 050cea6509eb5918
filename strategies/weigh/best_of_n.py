"""Best-of-N (arXiv 2110.14168, 2408.03314)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from tts_bench.api import Aggregation, Answer, Budget, Problem, Reasoner
from tts_bench.strategies.sampling import at_least, countable, pool
from tts_bench.strategies.weigh.scores import needed, values
from tts_bench.strategies.weigh.weights import best


@dataclass(frozen=True)
class BestOfN:
    """Best-of-N (arXiv 2408.03314): take the sample that a scorer rates highest.

    One rung for each number of samples, 1 to all. The scorer may be a reward model, a judge or a function.

    Differs: the first of equal scores wins. A sample without an extracted answer is chosen only if all samples lack
    one.
    Costs: the scorer reads every sample; a 7B reward model costs more than the 1B model whose samples it scores.
    Unsuitable if: the scorer makes errors, since more samples mean more errors to pick from. Compare weighted-vote
    and majority-vote.

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
        rated, said = values(scores, self.how), [answer.extracted for answer in answers]
        for count in range(1, self.samples + 1):
            yield reasoner.choose(answers[best(rated, said[:count])], seen=scores[:count])
