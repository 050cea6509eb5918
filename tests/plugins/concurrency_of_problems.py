"""Keeps what it knows of a problem on itself, where another problem finds it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import ClassVar

from tts_bench.api import Answer, Problem, Reasoner


@dataclass(frozen=True)
class Plugin:
    """Keeps what it knows of a problem on itself, where another problem finds it."""

    seen: ClassVar[list[Answer]] = []

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        self.seen.clear()
        trace = await reasoner.think()
        self.seen.append(await reasoner.answer(trace))
        yield self.seen[0]
        cue = "Wait" if self.seen[-1].extracted == "7" else "Hmm"
        again = await reasoner.answer(await reasoner.think(reasoner.force(trace, cue)))
        yield reasoner.vote([again, self.seen[0]])
