"""Takes the shorter of two thoughts and pays for that one only."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from tts_bench.api import Answer, Problem, Reasoner


@dataclass(frozen=True)
class Plugin:
    """Takes the shorter of two thoughts and pays for that one only."""

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        first, second = await reasoner.think(), await reasoner.branch("1").think()
        yield await reasoner.answer(first)
        yield await reasoner.answer(min(first, second, key=lambda trace: trace.thinking_tokens))
