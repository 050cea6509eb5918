"""Votes on its samples in the order in which they end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from tts_bench.api import Answer, Problem, Reasoner


@dataclass(frozen=True)
class Plugin:
    """Votes on its samples in the order in which they end."""

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        ended: asyncio.Queue[Answer] = asyncio.Queue()
        async with asyncio.TaskGroup() as group:
            for index in range(4):
                group.create_task(self._sample(reasoner.branch(str(index)), ended))
        answers: list[Answer] = []
        while not ended.empty():
            answers.append(await ended.get())
            yield reasoner.vote(answers)

    async def _sample(self, reasoner: Reasoner, ended: asyncio.Queue[Answer]) -> None:
        await ended.put(await reasoner.answer(await reasoner.think()))
