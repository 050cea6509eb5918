"""DeepConf online: samples whose confidence falls below that of a warm-up are stopped."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from tts_bench.api import Answer, Budget, Problem, Reasoner, Trace
from tts_bench.strategies.confidence.groups import check, confidences, first_below, percentile, score
from tts_bench.strategies.sampling import at_least, countable, pool


@dataclass(frozen=True)
class DeepConfOnline:
    """DeepConf online (arXiv 2508.15260): samples whose confidence falls below that of a warm-up are stopped.

    Confidence is as in deepconf. The threshold is the (100 - keep)th percentile of the lowest group of each warm-up
    trace. A later trace is stopped at the first whole window below it. Warm-up traces above the threshold and later
    traces that were not stopped vote, each with the confidence of its lowest group. A later trace that is shorter
    than the window cannot be stopped, and votes. A warm-up trace that is shorter is one group, and votes if its
    mean is not below the threshold.

    Differs: later samples are drawn one by one, and the consensus is tested before each; the released code draws
    them all at once, without a test. In that code, a later trace that is shorter than the window does not vote if its
    mean is below the threshold. 32 samples by default, while the paper draws 512. Only thinking is scored.
    Costs: the warm-up in full, and stopped traces up to their stop. Later samples are drawn one after another,
    which adds latency.
    Unsuitable if: thinking is shorter than the window: nothing can be stopped then, so use deepconf-online-short. A
    consensus means little with few votes, such as those left by keep=10.

    Options:
        warmup: samples that are drawn in full to set the threshold.
        samples: maximum number of samples, including the warm-up.
        budget: thinking tokens of each sample; none sets no limit.
        keep: percentage of the warm-up above the threshold; 10 is the paper's DeepConf-low, 90 its DeepConf-high.
        tau: share of the weight at which the leading answer stops sampling; none draws all samples.
        window: tokens of a group.
        top: how many of the largest log-probabilities are averaged at each token, at least 2.
    """

    warmup: int = 16
    samples: int = 32
    budget: Annotated[int | None, Budget] = None
    keep: float = 10.0
    tau: float | None = 0.95
    window: int = 2048
    top: int = 20
    groups = ("confidence",)

    def __post_init__(self) -> None:
        countable(warmup=self.warmup, samples=self.samples)
        at_least(1, budget=self.budget, window=self.window)
        check(self.keep, self.top, self.tau)
        if self.warmup > self.samples:
            raise ValueError(f"warmup is {self.warmup}; it takes at most samples, {self.samples}")

    @property
    def needs(self) -> tuple[str, ...]:
        return (f"top_mean:{self.top}",)

    @property
    def rungs(self) -> tuple[str, ...]:
        return (str(self.samples),)

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        [column] = self.needs
        first = await pool(reasoner, range(self.warmup), self.budget)
        weights = [lowest(reasoner, column, self.window, answer.traces[0]) for answer in first]
        line = percentile(weights, 100 - self.keep)
        ballots = [(answer, weight) for answer, weight in zip(first, weights, strict=True) if weight >= line]
        seen: list[Answer | Trace] = [*first]
        for index in range(self.warmup, self.samples):
            if leads(ballots, self.tau):
                break
            branch = reasoner.branch(str(index), seen=seen)
            dies = partial(death, reasoner, column, self.window, line)
            [trace] = await branch.race([branch], cut_at=dies, max_tokens=self.budget)
            seen.append(trace)
            if trace.thinking_ended or trace.truncated:
                seen[-1] = answer = await branch.answer(trace)
                ballots.append((answer, lowest(reasoner, column, self.window, trace)))
        yield reasoner.vote([each[0] for each in ballots], weights=[each[1] for each in ballots], seen=seen)


def lowest(reasoner: Reasoner, column: str, window: int, trace: Trace) -> float:
    """The confidence of the lowest group of a trace."""
    return score([*confidences(reasoner, trace, column).values()], "lowest", window)


def death(reasoner: Reasoner, column: str, window: int, line: float, trace: Trace) -> int | None:
    """Number of tokens at which a trace is stopped; None: it lives on."""
    found = confidences(reasoner, trace, column)
    count = first_below([*found.values()], window, line)
    return None if count is None else [*found][count - 1]


def leads(ballots: list[tuple[Answer, float]], tau: float | None) -> bool:
    """Whether an answer has at least a share `tau` of the total weight of extracted answers."""
    weights: dict[str, float] = {}
    for answer, weight in ballots:
        if answer.extracted is not None:
            weights[answer.extracted] = weights.get(answer.extracted, 0.0) + weight
    return tau is not None and bool(weights) and max(weights.values()) >= tau * sum(weights.values())
