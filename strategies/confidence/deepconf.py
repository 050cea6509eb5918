"""DeepConf offline: the most confident samples of a pool vote."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from tts_bench.api import Answer, Budget, Problem, Reasoner, Trace
from tts_bench.strategies.confidence.groups import Way, check, confidences, kept, score
from tts_bench.strategies.sampling import at_least, countable, pool


@dataclass(frozen=True)
class DeepConf:
    """DeepConf offline (arXiv 2508.15260): the most confident of a pool of samples vote, weighted by confidence.

    The confidence of a token is minus the mean of the `top` largest log-probabilities at its position; higher is
    more confident. A group is a sliding window of tokens, and its confidence is the mean over them. A trace that is
    shorter than the window is one group. Log-probabilities are the model's own, before temperature and cuts.

    Differs: only thinking is scored, not the answer after it. The lowest tenth of n groups is n / 10 rounded down,
    at least one, as in the released code; scorio takes all up to the tenth percentile, which is one more if n / 10
    is not an integer. Samples without an answer are left out before the fraction is taken. 16 samples by default,
    while the paper draws 512.
    Costs: every sample of the pool, including those that do not vote.
    Unsuitable if: thinking is shorter than the window, since all four scores are then the mean; use deepconf-short.

    Options:
        samples: number of samples.
        budget: thinking tokens of each sample; none sets no limit.
        score: of all tokens (mean), of the last window (tail), of the lowest tenth of the groups (bottom), or of the
            lowest group (lowest).
        keep: percentage of the samples with an answer that vote, at least one sample; 10 and 90 in the paper.
        window: tokens of a group, and of the tail.
        top: how many of the largest log-probabilities are averaged at each token, at least 2.
        weighted: whether votes are weighted by the trace's confidence; otherwise all count the same.
    """

    samples: int = 16
    budget: Annotated[int | None, Budget] = None
    score: Way = "bottom"
    keep: float = 10.0
    window: int = 2048
    top: int = 20
    weighted: bool = True
    groups = ("confidence", "cheap")

    def __post_init__(self) -> None:
        countable(samples=self.samples)
        at_least(1, budget=self.budget, window=self.window)
        if self.score not in ("mean", "tail", "bottom", "lowest"):
            raise ValueError(f"score is {self.score!r}; it takes mean, tail, bottom or lowest")
        check(self.keep, self.top)

    @property
    def needs(self) -> tuple[str, ...]:
        return (f"top_mean:{self.top}",)

    @property
    def rungs(self) -> tuple[str, ...]:
        return (str(self.samples),)

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        drawn = await pool(reasoner, range(self.samples), self.budget)
        read = [answer for answer in drawn if answer.extracted is not None] or drawn
        scores = [self._score(reasoner, answer.traces[0]) for answer in read]
        best = kept(scores, self.keep)
        weights = [scores[place] for place in best] if self.weighted else None
        yield reasoner.vote([read[place] for place in best], weights=weights, seen=drawn)

    def _score(self, reasoner: Reasoner, trace: Trace) -> float:
        return score([*confidences(reasoner, trace, self.needs[0]).values()], self.score, self.window)
