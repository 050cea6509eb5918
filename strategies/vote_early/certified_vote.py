"""A vote with a certificate, after the Martingale Majority Certificate (arXiv 2510.17472)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from tts_bench.api import Answer, Budget, Problem, Reasoner
from tts_bench.strategies.sampling import at_least, countable, fraction
from tts_bench.strategies.vote_early.drawing import Said, drawn
from tts_bench.strategies.vote_early.rules import certified


@dataclass(frozen=True)
class CertifiedVote:
    """Certified vote (after arXiv 2510.17472): sample one by one until every other answer is ruled out.

    The guarantee: whatever the model's distribution of answers, the probability that it ever stops early on an answer
    that is not the most frequent one of that distribution is at most `error`. For each answer, and for one never seen,
    a bet is placed before every sample that the leader of the others is drawn, not this one. If the answer is the
    most frequent of all, no such bet gains on average, so the money, averaged over all stakes, is a nonnegative
    supermartingale that begins at 1, and reaches 1 / error with probability at most `error` (Ville's inequality). An
    answer is ruled out when it does. A wrong stop has to rule out the most frequent answer, so no correction for the
    number of answers is needed. The single rung is named by the cap; a vote that reaches the cap has no certificate.

    Differs: the paper tests the leader against the runner-up and against all other answers together, where the pair
    may change meanwhile, and averages over a grid of stakes with a Beta(0.5, 0.5) weight; here each answer has its own
    test and stakes are averaged exactly and evenly, which makes the guarantee hold as stated.
    Costs: a unanimous vote needs 8 samples at 0.05; with a cap of 16, only clear majorities get a certificate.
    Unsuitable if: the most frequent answer is not the right one, since the certificate is about the vote, not about
    correctness. It covers answers that can be extracted and independent samples, so temperatures above 0.

    Options:
        error: the largest probability of a wrong stop; 0 never stops.
        cap: maximum number of samples.
        budget: thinking tokens of each sample; none sets no limit.
    """

    error: float = 0.05
    cap: int = 16
    budget: Annotated[int | None, Budget] = None
    groups = ("vote-early", "cheap")

    def __post_init__(self) -> None:
        countable(cap=self.cap)
        at_least(1, budget=self.budget)
        fraction(error=self.error)

    @property
    def rungs(self) -> tuple[str, ...]:
        return (str(self.cap),)

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        yield reasoner.vote(await drawn(reasoner, range(1, self.cap + 1), self.decided, self.budget))

    def decided(self, said: Said) -> bool:
        return certified(said, self.error)
