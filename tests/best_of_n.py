"""Best-of-N (arXiv 2408.03314): of N samples, the one that a scorer of the run likes most."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from tts_bench.api import Aggregation, Answer, Problem, Reasoner, Score, aggregate


@dataclass(frozen=True)
class BestOfN:
    """One rung for each number of samples; of equal scores the first wins. `weighted`: a vote weighted by scores."""

    samples: int = 8
    scorer: str = "good"
    how: Aggregation | None = None
    weighted: bool = False

    def __post_init__(self) -> None:
        if self.samples < 1:
            raise ValueError(f"samples is {self.samples}; it takes a whole number from 1 upwards")

    @property
    def needs(self) -> tuple[str, ...]:
        return (f"scorer:{self.scorer}",)

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        branches = [reasoner.branch(str(index)) for index in range(self.samples)]
        answers = list(await asyncio.gather(*(self._sample(branch) for branch in branches)))
        scores = await reasoner.score(answers, by=self.scorer)
        weights = [score.value if self.how is None else aggregate(score.steps, self.how) for score in scores]
        for count in range(1, self.samples + 1):
            seen: tuple[Score, ...] = scores[:count]
            if self.weighted:
                yield reasoner.vote(answers[:count], weights=weights[:count], seen=seen)
            else:
                yield reasoner.choose(answers[weights.index(max(weights[:count]))], seen=seen)

    async def _sample(self, reasoner: Reasoner) -> Answer:
        return await reasoner.answer(await reasoner.think())
