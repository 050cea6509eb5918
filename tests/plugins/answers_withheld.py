"""Raises where its samples disagree, so that such a problem is in no accuracy."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from tts_bench.api import Answer, Problem, Reasoner


@dataclass(frozen=True)
class Plugin:
    """Raises where its samples disagree, so that such a problem is in no accuracy."""

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        answers = [await self._sample(reasoner.branch(label)) for label in "012"]
        yield reasoner.vote(answers)
        if len({answer.extracted for answer in answers}) > 1:
            raise ValueError("its samples disagree")

    async def _sample(self, reasoner: Reasoner) -> Answer:
        return await reasoner.answer(await reasoner.think())
