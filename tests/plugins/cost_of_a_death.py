"""Lets a thought die at its first token and remembers what came after it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from tts_bench.api import Answer, Problem, Reasoner, Trace


@dataclass(frozen=True)
class Plugin:
    """Lets a thought die at its first token and remembers what came after it."""

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        yield await reasoner.answer(await reasoner.think())
        seen: list[str] = []

        def cut_at(trace: Trace) -> int:
            seen.append(trace.segments[-1].text[1:2])
            return 1

        await reasoner.race([reasoner.branch("1")], cut_at=cut_at)
        if seen[0] > "a":
            other = reasoner.branch("2")
            yield await other.answer(await other.think())
