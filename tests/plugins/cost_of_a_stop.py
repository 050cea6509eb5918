"""Looks whether another thought comes to a doubt, and does not pay for that look."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from tts_bench.api import Answer, Problem, Reasoner


@dataclass(frozen=True)
class Plugin:
    """Looks whether another thought comes to a doubt, and does not pay for that look."""

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        trace = await reasoner.think()
        yield await reasoner.answer(trace)
        other = await reasoner.branch("1").think(stop=["Wait", "Hmm"])
        if other.stopped:
            yield await reasoner.answer(await reasoner.think(reasoner.force(trace, "Wait")))
