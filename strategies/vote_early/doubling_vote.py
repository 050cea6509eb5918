"""The adaptive self-consistency of its-hub."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Annotated

from tts_bench.api import Answer, Budget, Problem, Reasoner
from tts_bench.strategies.sampling import at_least, countable
from tts_bench.strategies.vote_early.drawing import Said, drawn
from tts_bench.strategies.vote_early.rules import ballots


@dataclass(frozen=True)
class DoublingVote:
    """Doubling vote (its-hub 1.2, AdaptiveSelfConsistency): draw 2, 4, 8 ... samples until most agree, and vote.

    The single rung is named by the cap, and costs what was drawn up to the stop.

    Differs: ties go to the answer seen first, not to a random one. An answer that cannot be extracted agrees with
    no other; its-hub lets it vote as text. its-hub calls the cap `budget`.
    Costs: two samples that agree stop it at once, so it is cheap and often unreliable. Each round waits for its
    longest sample.
    Unsuitable if: the most frequent of two samples is often wrong; use adaptive-consistency.

    Options:
        threshold: share of the samples so far that must agree, above 0.5.
        cap: maximum number of samples.
        budget: thinking tokens of each sample; none sets no limit.
    """

    threshold: float = 0.75
    cap: int = 16
    budget: Annotated[int | None, Budget] = None
    groups = ("vote-early", "cheap")

    def __post_init__(self) -> None:
        countable(cap=self.cap)
        at_least(1, budget=self.budget)
        if not 0.5 < self.threshold <= 1:
            raise ValueError(f"threshold is {self.threshold}; it takes a number above 0.5, at most 1")

    @property
    def rungs(self) -> tuple[str, ...]:
        return (str(self.cap),)

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        yield reasoner.vote(await drawn(reasoner, self.totals(), self.decided, self.budget))

    def totals(self) -> Iterator[int]:
        total = 2
        while total < self.cap:
            yield total
            total *= 2
        yield self.cap

    def decided(self, said: Said) -> bool:
        return sum(ballots(said)[:1]) >= self.threshold * len(said)
