"""Last finish search: of samples that think in parallel, the last to finish answers; a negative control."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from tts_bench.api import Answer, Budget, Problem, Reasoner
from tts_bench.strategies.length.finishing import by_length, finished, raced
from tts_bench.strategies.sampling import at_least, countable


@dataclass(frozen=True)
class LastFinish:
    """Last finish search (LFS-1@N, arXiv 2512.02008): the longest of N samples answers; opposite of first-finish.

    Differs: a sample cut by a limit does not count as finished. If a limit cuts all samples, the last sample
    answers.
    Costs: all samples in full.
    Unsuitable if: you want good accuracy. It is the negative control for rules based on length.

    Options:
        n: number of samples.
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
        pairs = await raced(reasoner, self.n, self.n, self.budget)
        branch, trace = by_length(finished(pairs))[-1]
        yield reasoner.choose(await branch.answer(trace), seen=[trace for _, trace in pairs])
