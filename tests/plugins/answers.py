"""Reads every answer as a number, which some answers are not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from tts_bench.api import Answer, Problem, Reasoner


@dataclass(frozen=True)
class Plugin:
    """Reads every answer as a number, which some answers are not."""

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        answer = await reasoner.answer(await reasoner.think())
        if int(answer.extracted or "") >= 0:
            yield answer
