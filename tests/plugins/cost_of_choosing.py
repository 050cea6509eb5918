"""Chooses among its samples by what a prefilled answer says, and does not pay for that."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from tts_bench.api import Answer, Problem, Reasoner


@dataclass(frozen=True)
class Plugin:
    """Chooses among its samples by what a prefilled answer says, and does not pay for that."""

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        answers = [await self._sample(reasoner.branch(str(index))) for index in range(3)]
        yield answers[0]
        judged = [await reasoner.answer(prefill=f"Is it {answer.extracted}? ", max_tokens=8) for answer in answers]
        yield max(zip(answers, judged, strict=True), key=lambda pair: pair[1].text)[0]

    async def _sample(self, reasoner: Reasoner) -> Answer:
        return await reasoner.answer(await reasoner.think())
