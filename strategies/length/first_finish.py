"""First finish search: of samples that think in parallel, the first to finish answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from tts_bench.api import Answer, Budget, Problem, Reasoner
from tts_bench.strategies.length.finishing import by_length, finished, raced
from tts_bench.strategies.sampling import at_least, countable


@dataclass(frozen=True)
class FirstFinish:
    """First finish search (FFS-1@N, arXiv 2512.02008): the first of N samples that finishes thinking answers.

    It is short-m@k with m = 1. A sample's time is the number of its tokens.

    Differs: a sample cut by a limit does not count as finished. If a limit cuts all samples, the first sample
    answers.
    Costs: every sample up to the token at which the first finished.
    Unsuitable if: long thinking is a sign of care rather than of confusion.

    Options:
        n: number of samples started.
        budget: thinking tokens of each sample; none sets no limit.
    """

    n: int = 16
    budget: Annotated[int | None, Budget] = None
    groups = ("length", "cheap")

    def __post_init__(self) -> None:
        countable(n=self.n)
        at_least(1, budget=self.budget)

    @property
    def rungs(self) -> tuple[str, ...]:
        return (str(self.n),)

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        pairs = await raced(reasoner, self.n, 1, self.budget)
        branch, trace = by_length(finished(pairs))[0]
        yield reasoner.choose(await branch.answer(trace), seen=[trace for _, trace in pairs])
