"""Thinking controlled by a server's effort setting, for models to which no token budget can be applied."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from tts_bench.api import Answer, Effort, Problem, Reasoner
from tts_bench.strategies.sampling import countable


@dataclass(frozen=True)
class ReasoningEffort:
    """Class-conditional control by a server's own effort setting: one rung for each setting, in rising order.

    Differs: the server decides what a setting does; tokens are counted as the server reports them.
    Costs: each rung is sampled anew. All rungs are spent, and each is billed alone.
    Unsuitable if: the server ignores the setting; compare the tokens of the rungs.

    Options:
        efforts: words such as low+medium+high, numbers of tokens such as 1024+8192, or field=value for any other field
            of the request, such as thinking_budget=1024.
        samples: number of samples at each setting; the rung is their vote.
    """

    efforts: Annotated[tuple[str, ...], Effort] = ("low", "medium", "high")
    samples: int = 1

    def __post_init__(self) -> None:
        if not self.efforts or len(set(self.efforts)) < len(self.efforts) or not all(self.efforts):
            raise ValueError(f"efforts is {'+'.join(self.efforts)!r}; it takes settings, each once, such as low+high")
        countable(samples=self.samples)

    @property
    def rungs(self) -> tuple[str, ...]:
        return self.efforts

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        for effort in self.efforts:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._sample(reasoner.branch(str(n)), effort)) for n in range(self.samples)]
            answers = [task.result() for task in tasks]
            yield reasoner.vote(answers) if self.samples > 1 else answers[0]

    async def _sample(self, reasoner: Reasoner, effort: str) -> Answer:
        return await reasoner.answer(await reasoner.think(effort=effort))
