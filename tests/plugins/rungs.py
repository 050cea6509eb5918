"""Puts in another cue before its last step, so that fewer steps are other steps."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from tts_bench.api import Answer, Problem, Reasoner


@dataclass(frozen=True)
class Plugin:
    """Puts in another cue before its last step, so that fewer steps are other steps."""

    steps: int = 3

    def __post_init__(self) -> None:
        if self.steps < 0:
            raise ValueError(f"steps is {self.steps}; it takes a whole number from 0 upwards")

    @property
    def rungs(self) -> tuple[str, ...]:
        return tuple(str(step) for step in range(self.steps + 1))

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        trace = await reasoner.think()
        yield await reasoner.answer(trace)
        for step in range(self.steps):
            cue = "Wait" if step < self.steps - 1 else "So, in the end"
            trace = await reasoner.think(reasoner.force(trace, cue))
            yield await reasoner.answer(trace)
