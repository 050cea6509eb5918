"""Asks on the side whether the answer is 7, thinks on if not, and does not pay for the question."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from tts_bench.api import Answer, Problem, Reasoner


@dataclass(frozen=True)
class Plugin:
    """Asks on the side whether the answer is 7, thinks on if not, and does not pay for the question."""

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        trace = await reasoner.think()
        yield await reasoner.answer(trace)
        probe = await reasoner.probe(trace, "</think>", max_tokens=12)
        if probe.extracted != "7":
            yield await reasoner.answer(await reasoner.think(reasoner.force(trace, "Wait")))
