"""Short-m@k: of samples that think in parallel, the first to finish vote."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from tts_bench.api import Answer, Budget, Problem, Reasoner
from tts_bench.strategies.length.finishing import by_length, finished, raced, replies
from tts_bench.strategies.sampling import at_least, countable


@dataclass(frozen=True)
class ShortMAtK:
    """Short-m@k (arXiv 2505.17813): of k samples, the first m that finish thinking vote; the others stop.

    A sample's time is the number of its tokens. A tie goes to the answer with the shortest thinking.

    Differs: a sample cut by a limit does not count as finished. If a limit cuts all samples, all vote.
    Costs: every sample up to the token at which the m-th finished. Latency is that number of tokens.
    Unsuitable if: a common limit cuts many samples, since the shortest are then simply those that were not cut.

    Options:
        m: number of samples that vote.
        k: number of samples started.
        budget: thinking tokens of each sample; none sets no limit.
    """

    m: int = 3
    k: int = 16
    budget: Annotated[int | None, Budget] = None
    groups = ("length", "cheap")

    def __post_init__(self) -> None:
        countable(m=self.m, k=self.k)
        at_least(1, budget=self.budget)
        if self.m > self.k:
            raise ValueError(f"m is {self.m}; it takes at most k, {self.k}")

    @property
    def rungs(self) -> tuple[str, ...]:
        return (str(self.k),)

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        pairs = await raced(reasoner, self.k, self.m, self.budget)
        voters = finished(pairs)
        if len(voters) > self.m and voters[0][1].thinking_ended:  # several finished at one tick
            voters = by_length(voters)[: self.m]
        traces = [trace for _, trace in pairs]
        yield reasoner.vote(await replies(voters), ties="shortest", seen=traces)
