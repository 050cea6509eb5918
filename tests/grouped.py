"""A strategy of another package that joins a group of the shelf."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from tts_bench.api import Answer, Problem, Reasoner


@dataclass(frozen=True)
class Mine:
    """Think once."""

    groups = ("lengthen",)

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        yield await reasoner.answer(await reasoner.think())
