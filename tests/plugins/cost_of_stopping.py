"""Stops when two answers agree, and pays for the second of them only."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from tts_bench.api import Answer, Problem, Reasoner


@dataclass(frozen=True)
class Plugin:
    """Stops when two answers agree, and pays for the second of them only."""

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        trace = await reasoner.think()
        answer = await reasoner.answer(trace)
        yield answer
        for _ in range(4):
            before = answer.extracted
            trace = await reasoner.think(reasoner.force(trace, "Wait"))
            answer = await reasoner.answer(trace)
            yield answer
            if answer.extracted == before:
                return
