"""Writes its own bill."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

from tts_bench.api import Answer, Problem, Reasoner


@dataclass(frozen=True)
class Plugin:
    """Writes its own bill."""

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        answer = await reasoner.answer(await reasoner.think())
        object.__setattr__(answer, "cost", replace(answer.cost, thinking=1))
        yield answer
