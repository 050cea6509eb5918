"""Has rungs whose names it cannot say."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from tts_bench.api import Answer, Problem, Reasoner


@dataclass(frozen=True)
class Plugin:
    """Has rungs whose names it cannot say."""

    @property
    def rungs(self) -> tuple[str, ...]:
        return tuple("first")[len("first") // 0 :]

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        yield await reasoner.answer(await reasoner.think())
