"""Takes any number of samples, none among them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from tts_bench.api import Answer, Problem, Reasoner


@dataclass(frozen=True)
class Plugin:
    """Takes any number of samples, none among them."""

    samples: int = 3

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        answers = [await reasoner.answer(await reasoner.branch(str(n)).think()) for n in range(self.samples)]
        yield reasoner.vote(answers) if self.samples else answers[0]
