"""Thinks in a branch of its own only, with a sampling that hides it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from tts_bench.api import Answer, Problem, Reasoner, Sampling


@dataclass(frozen=True)
class Plugin:
    """Thinks in a branch of its own only, with a sampling that hides it."""

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        mine = reasoner.branch("mine")
        yield await mine.answer(await mine.think(sampling=Sampling(temperature=0.5)))
