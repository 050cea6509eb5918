"""Thinks on until thinking ends, which under a cap it never does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from tts_bench.api import Answer, Problem, Reasoner


@dataclass(frozen=True)
class Plugin:
    """Thinks on until thinking ends, which under a cap it never does."""

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        trace = await reasoner.think()
        while not trace.thinking_ended:
            trace = await reasoner.think(trace)
        yield await reasoner.answer(trace)
