"""Self-consistency (arXiv 2203.11171): sample several traces and take the most frequent answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from tts_bench.api import Answer, Budget, Problem, Reasoner
from tts_bench.strategies.sampling import countable


@dataclass(frozen=True)
class MajorityVote:
    """Self-consistency (arXiv 2203.11171): sample traces at once and take the most frequent answer.

    One rung for each number of samples, 1 to all. A tie goes to the answer seen first, and a missing answer never
    wins.

    Differs: thinking is sampled with the run's settings and prompt, without few-shot examples.
    Costs: all samples in full. Latency is that of the longest.
    Unsuitable if: answers cannot be compared as text, or the most frequent error is more frequent than the right
    answer.

    Options:
        samples: number of samples.
        budget: thinking tokens of each sample; none sets no limit.
    """

    samples: int = 16
    budget: Annotated[int | None, Budget] = None
    groups = ("controls",)

    def __post_init__(self) -> None:
        countable(samples=self.samples)
        if self.budget is not None and self.budget < 1:
            raise ValueError(f"budget is {self.budget}; it takes a number of tokens from 1 upwards, or none")

    @property
    def rungs(self) -> tuple[str, ...]:
        return tuple(str(count + 1) for count in range(self.samples))

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        tasks = [asyncio.create_task(self._sample(reasoner.branch(str(index)))) for index in range(self.samples)]
        answers: list[Answer] = []
        try:
            for task in tasks:  # in order, so that a failure leaves the same rungs whichever sample ends first
                answers.append(await task)
                yield reasoner.vote(answers)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _sample(self, reasoner: Reasoner) -> Answer:
        return await reasoner.answer(await reasoner.think(max_tokens=self.budget))
