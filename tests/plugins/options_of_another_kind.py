"""Finds out that a value is wrong by falling over it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from tts_bench.api import Answer, Problem, Reasoner


@dataclass(frozen=True)
class Plugin:
    """Finds out that a value is wrong by falling over it."""

    parts: int = 2
    budget: int | None = None

    def __post_init__(self) -> None:
        if self.budget is not None and (self.budget < 1 or self.parts < 1):
            raise ValueError(f"budget is {self.budget}; it takes a whole number from 1 upwards, or none")
        100 // self.parts

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        yield await reasoner.answer(await reasoner.think(max_tokens=self.budget))
