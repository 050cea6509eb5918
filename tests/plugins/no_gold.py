"""Thinks on until it has the gold answer, which it looks up."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import cache

from tts_bench.api import Answer, Problem, Reasoner
from tts_bench.tasks.data import load_rows

_rows = cache(lambda task: load_rows(task).rows)


@dataclass(frozen=True)
class Plugin:
    """Thinks on until it has the gold answer, which it looks up."""

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        gold = _rows(problem.task)[int(problem.id.rpartition("/")[2])]["answer"]
        trace = await reasoner.think()
        answer = await reasoner.answer(trace)
        yield answer
        while trace.cues < 3 and not trace.truncated and answer.extracted != gold.rpartition("#### ")[2]:
            trace = await reasoner.think(reasoner.force(trace, "Wait"))
            answer = reasoner.vote([await reasoner.answer(trace), answer])
            yield answer
