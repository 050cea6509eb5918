"""Keeps to its budget before the cue and forgets it after."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from tts_bench.api import Answer, Problem, Reasoner


@dataclass(frozen=True)
class Plugin:
    """Keeps to its budget before the cue and forgets it after."""

    budget: int | None = None

    def __post_init__(self) -> None:
        if self.budget is not None and self.budget < 1:
            raise ValueError(f"budget is {self.budget}; it takes a whole number from 1 upwards, or none")

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        trace = await reasoner.think(max_tokens=self.budget)
        yield await reasoner.answer(trace)
        yield await reasoner.answer(await reasoner.think(reasoner.force(trace, "Wait")))
