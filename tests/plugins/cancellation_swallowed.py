"""Goes on when it is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from tts_bench.api import Answer, Problem, Reasoner


@dataclass(frozen=True)
class Plugin:
    """Goes on when it is cancelled."""

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        while True:
            try:
                yield await reasoner.answer(await reasoner.think())
                return
            except asyncio.CancelledError:
                continue
