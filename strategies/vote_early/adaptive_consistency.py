"""Adaptive-Consistency (arXiv 2305.11860)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Literal

from tts_bench.api import Answer, Budget, Problem, Reasoner
from tts_bench.strategies.sampling import at_least, countable, fraction
from tts_bench.strategies.vote_early.drawing import Said, drawn
from tts_bench.strategies.vote_early.rules import ballots, beta, dirichlet, entropy

PUBLISHED = {"beta": 0.95, "dirichlet": 0.95, "entropy": 0.75, "majority": 0.8}


@dataclass(frozen=True)
class AdaptiveConsistency:
    """Adaptive-Consistency (arXiv 2305.11860): sample one by one and vote, until the vote is likely decided.

    Stops, with v the votes of each answer: "beta" at P(p > 1/2) of Beta(v1 + 1, v2 + 1) of the two leading answers;
    "dirichlet" at the probability that the leader is the largest component of Dirichlet(v + 1) over all answers
    seen, or as "beta" if there is only one; "entropy" at normalized entropy at or below the threshold; "majority" at
    the leader's share.
    The single rung is named by the cap, and costs what was drawn up to the stop.

    Differs: the cap is 16, not 40, as for all votes here. The Dirichlet probability is exact and over all answers,
    not a Monte Carlo estimate over the five most frequent. Answers that cannot be extracted do not vote; for
    "majority" they count among the samples.
    Costs: the samples drawn. They are drawn one after another, so latency is their sum.
    Unsuitable if: latency matters and samples can run in parallel; use esc or doubling-vote.

    Options:
        stop: beta, dirichlet, entropy or majority.
        threshold: probability or share from which it stops, or entropy down to which; none: the published one
            (0.95, 0.95, 0.75, 0.8).
        cap: maximum number of samples.
        budget: thinking tokens of each sample; none sets no limit.
    """

    stop: Literal["beta", "dirichlet", "entropy", "majority"] = "beta"
    threshold: float | None = None
    cap: int = 16
    budget: Annotated[int | None, Budget] = None
    groups = ("vote-early", "cheap")

    def __post_init__(self) -> None:
        if self.stop not in PUBLISHED:
            raise ValueError(f"stop is {self.stop!r}; it takes one of {', '.join(PUBLISHED)}")
        countable(cap=self.cap)
        at_least(1, budget=self.budget)
        fraction(threshold=self.line)

    @property
    def line(self) -> float:
        return PUBLISHED[self.stop] if self.threshold is None else self.threshold

    @property
    def rungs(self) -> tuple[str, ...]:
        return (str(self.cap),)

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        yield reasoner.vote(await drawn(reasoner, range(1, self.cap + 1), self.decided, self.budget))

    def decided(self, said: Said) -> bool:
        votes = ballots(said)
        if not votes or (self.stop in ("entropy", "majority") and sum(votes) == 1):
            return False
        if self.stop == "entropy":
            return entropy(votes) <= self.line
        if self.stop == "majority":
            return votes[0] / len(said) >= self.line
        if self.stop == "beta" or len(votes) < 3:  # two answers: both rules agree; one: a second may come
            return beta(votes[0], sum(votes[1:2])) >= self.line
        return dirichlet(votes) >= self.line
