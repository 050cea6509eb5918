"""Rejection sampling: sample until the thinking is short enough."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from tts_bench.api import Answer, Budget, Problem, Reasoner, Trace
from tts_bench.strategies.sampling import at_least, countable


@dataclass(frozen=True)
class RejectionSampling:
    """Rejection sampling (s1, arXiv 2501.19393): sample until the thinking has at most `limit` tokens.

    Differs: after `tries` samples the last one answers, whatever its length; the paper continues sampling. A sample
    cut by a limit is rejected too.
    Costs: all rejected samples in full, one after the other.
    Unsuitable if: the limit is below the usual length of thinking. s1 found that accuracy falls as the limit rises.

    Options:
        limit: maximum number of thinking tokens of an accepted sample.
        tries: maximum number of samples.
        budget: thinking tokens of each sample; none sets no limit.
    """

    limit: int = 4000
    tries: int = 16
    budget: Annotated[int | None, Budget] = None
    groups = ("length", "cheap")

    def __post_init__(self) -> None:
        countable(tries=self.tries)
        at_least(1, limit=self.limit, budget=self.budget)

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        rejected: list[Trace] = []
        for index in range(self.tries):
            branch = reasoner.branch(str(index), seen=rejected)
            trace = await branch.think(max_tokens=self.budget)
            if (trace.thinking_ended and trace.thinking_tokens <= self.limit) or index == self.tries - 1:
                yield await branch.answer(trace)
                return
            rejected.append(trace)
