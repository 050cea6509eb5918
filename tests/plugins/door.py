"""Asks the engine behind its reasoner how much the model has done."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from tts_bench.api import Answer, Problem, Reasoner


@dataclass(frozen=True)
class Plugin:
    """Asks the engine behind its reasoner how much the model has done."""

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        trace = await reasoner.think()
        yield await reasoner.answer(trace)
        if reasoner._engine.asked < 10**6:  # type: ignore[attr-defined]
            yield await reasoner.answer(await reasoner.think(reasoner.force(trace, "Wait")))
