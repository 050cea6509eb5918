"""Holds on to beginnings, reads where they lead, and pays for the beginning of the shortest."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from tts_bench.api import Answer, Problem, Reasoner


@dataclass(frozen=True)
class Plugin:
    """Holds on to beginnings, reads where they lead, and pays for the beginning of the shortest."""

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        branches = [reasoner.branch(str(index)) for index in range(3)]
        begun = [await branch.think(max_tokens=1) for branch in branches]
        yield await branches[0].answer(begun[0])
        lengths = [(await branch.think()).thinking_tokens for branch in branches]
        best = lengths.index(min(lengths))
        yield await branches[best].answer(begun[best])
