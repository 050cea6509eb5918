"""Leaves its other samples running when it is given up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from tts_bench.api import Answer, Problem, Reasoner


@dataclass(frozen=True)
class Plugin:
    """Leaves its other samples running when it is given up."""

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        tasks = [asyncio.create_task(self._sample(reasoner.branch(str(index)))) for index in range(4)]
        answers: list[Answer] = []
        for task in tasks:
            answers.append(await task)
            yield reasoner.vote(answers)

    async def _sample(self, reasoner: Reasoner) -> Answer:
        return await reasoner.answer(await reasoner.think())
