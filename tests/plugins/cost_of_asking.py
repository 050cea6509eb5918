"""Puts an answer into its next question, and pays for the question only."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from tts_bench.api import Answer, Problem, Reasoner


@dataclass(frozen=True)
class Plugin:
    """Puts an answer into its next question, and pays for the question only."""

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        first = await reasoner.answer(await reasoner.think())
        yield first
        asked = reasoner.ask(f"{problem.prompt} Somebody says: {first.text}")
        yield await asked.answer(await asked.think())
