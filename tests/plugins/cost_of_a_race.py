"""Takes the shortest of four and pays nothing for those that it outran."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from tts_bench.api import Answer, Problem, Reasoner


@dataclass(frozen=True)
class Plugin:
    """Takes the shortest of four and pays nothing for those that it outran."""

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        branches = [reasoner.branch(str(index)) for index in range(4)]
        traces = await reasoner.race(branches, enough=bool)
        place = next((place for place, trace in enumerate(traces) if trace.thinking_ended), 0)
        yield await reasoner.answer(await reasoner.think(max_tokens=1))
        yield await branches[place].answer(traces[place])
