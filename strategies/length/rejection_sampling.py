"""Rejection sampling: sample until a thought is short enough."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from tts_bench.api import Answer, Budget, Problem, Reasoner, Trace
from tts_bench.strategies.sampling import at_least


@dataclass(frozen=True)
class RejectionSampling:
    """Rejection sampling (s1, arXiv 2501.19393): sample until a thought has at most `limit` tokens.

    Differs: after `tries` samples the last one answers, however long it is; the paper samples on.
    Costs: all rejected samples in full, one after the other.
    Wrong where: the limit is below what the model mostly thinks: s1 found accuracy to fall as the limit rises.

    Options:
        limit: thinking tokens that are accepted.
        tries: samples, at most.
        budget: thinking tokens of each sample; none sets no limit.
    """

    limit: int = 4000
    tries: int = 16
    budget: Annotated[int | None, Budget] = None
    groups = ("length", "cheap")

    def __post_init__(self) -> None:
        at_least(1, limit=self.limit, tries=self.tries, budget=self.budget)

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        rejected: list[Trace] = []
        for index in range(self.tries):
            branch = reasoner.branch(str(index), seen=rejected)
            trace = await branch.think(max_tokens=self.budget)
            if (trace.thinking_ended and trace.thinking_tokens <= self.limit) or index == self.tries - 1:
                yield await branch.answer(trace)
                return
            rejected.append(trace)
