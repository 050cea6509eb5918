"""Remembers how many problems it has seen, and thinks on from the tenth."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from tts_bench.api import Answer, Problem, Reasoner

_SEEN: list[str] = []


@dataclass(frozen=True)
class Plugin:
    """Remembers how many problems it has seen, and thinks on from the tenth."""

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        _SEEN.append(problem.id)
        trace = await reasoner.think()
        yield await reasoner.answer(trace)
        if len(_SEEN) > 10:
            yield await reasoner.answer(await reasoner.think(reasoner.force(trace, "Wait")))
