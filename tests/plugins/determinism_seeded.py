"""Draws its cue from the process's own random numbers, which it seeds first."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from dataclasses import dataclass

from tts_bench.api import Answer, Problem, Reasoner


@dataclass(frozen=True)
class Plugin:
    """Draws its cue from the process's own random numbers, which it seeds first."""

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        trace = await reasoner.think()
        yield await reasoner.answer(trace)
        random.seed(problem.prompt)
        cue = random.choice(["Wait", "Hmm", "But", "So"])
        yield await reasoner.answer(await reasoner.think(reasoner.force(trace, cue)))
