"""Lets a thought die where it stands when it is looked at, if it is long by then."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from tts_bench.api import Answer, Problem, Reasoner, Trace


@dataclass(frozen=True)
class Plugin:
    """Lets a thought die where it stands when it is looked at, if it is long by then."""

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        branches = [reasoner.branch(str(index)) for index in range(3)]
        traces = await reasoner.race(branches, cut_at=self._long)
        answers = [await branch.answer(trace) for branch, trace in zip(branches, traces, strict=True)]
        yield reasoner.vote(answers, seen=traces)

    def _long(self, trace: Trace) -> int | None:
        return trace.thinking_tokens if trace.thinking_tokens > 20 else None
