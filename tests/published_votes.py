"""Published strategies that sample, stop and vote, each in a class of under forty lines: examples, not a shelf."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable, Sequence
from dataclasses import dataclass
from math import floor, fsum
from typing import TypeVar

from tts_bench.api import Answer, Problem, Reasoner, Sampling, Trace
from tts_bench.columns import top_mean

T = TypeVar("T")


def positive(**options: int) -> None:
    """
    Raises:
        ValueError: an option is below 1.
    """
    for name, value in options.items():
        if value < 1:
            raise ValueError(f"{name} is {value}; it takes a whole number from 1 upwards")


async def together(works: Iterable[Awaitable[T]]) -> list[T]:
    """What all of them give, in their order."""

    async def done(work: Awaitable[T]) -> T:
        return await work

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(done(work)) for work in works]
    return [task.result() for task in tasks]


async def once(reasoner: Reasoner) -> Answer:
    return await reasoner.answer(await reasoner.think())


@dataclass(frozen=True)
class EarlyStopping:
    """ESC (arXiv 2401.10480): samples in windows, until all of a window agree."""

    window: int = 4
    cap: int = 12

    def __post_init__(self) -> None:
        positive(window=self.window, cap=self.cap)
        if self.window > self.cap:
            raise ValueError(f"window is {self.window}; it takes at most the cap, {self.cap}")

    @property
    def rungs(self) -> tuple[str, ...]:
        return tuple(map(str, range(self.window, self.cap + 1, self.window)))

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        answers: list[Answer] = []
        for end in range(self.window, self.cap + 1, self.window):
            labels = map(str, range(end - self.window, end))
            window = await together([once(reasoner.branch(label, seen=answers)) for label in labels])
            answers += window
            yield reasoner.vote(answers)
            said = {answer.extracted for answer in window}
            if len(said) == 1 and said != {None}:
                return


@dataclass(frozen=True)
class ShortestOfMany:
    """short-m@k (arXiv 2505.17813): when m of k samples have finished thinking, they vote; the others are stopped."""

    m: int = 3
    k: int = 6

    def __post_init__(self) -> None:
        positive(m=self.m, k=self.k)
        if self.m > self.k:
            raise ValueError(f"m is {self.m}; it takes at most k, {self.k}")

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        branches = [reasoner.branch(str(index)) for index in range(self.k)]
        traces = await reasoner.race(branches, enough=lambda ended: len(ended) >= self.m)
        pairs = list(zip(branches, traces, strict=True))
        finished = [pair for pair in pairs if pair[1].thinking_ended] or pairs  # a cap may end them all
        answers = await together([branch.answer(trace) for branch, trace in finished])
        yield reasoner.vote(answers, ties="shortest", seen=traces)


@dataclass(frozen=True)
class Rejection:
    """Rejection sampling (arXiv 2501.19393): sample until one is short enough; all rejected ones are paid."""

    limit: int = 20
    tries: int = 6

    def __post_init__(self) -> None:
        positive(limit=self.limit, tries=self.tries)

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        rejected: list[Trace] = []
        for index in range(self.tries):
            branch = reasoner.branch(str(index), seen=rejected)
            trace = await branch.think()
            if trace.thinking_tokens <= self.limit or index == self.tries - 1:
                yield await branch.answer(trace)
                return
            rejected.append(trace)


@dataclass(frozen=True)
class Temperatures:
    """A vote of samples at several temperatures."""

    temperatures: tuple[float, ...] = (1.0, 0.6, 1.4)

    def __post_init__(self) -> None:
        if not self.temperatures or min(self.temperatures) < 0:
            raise ValueError(f"temperatures is {self.temperatures}; it takes numbers from 0 upwards, at least one")

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        answers: list[Answer] = []
        for index, temperature in enumerate(self.temperatures):
            branch = reasoner.branch(str(index))
            answers.append(await branch.answer(await branch.think(sampling=Sampling(temperature))))
            yield reasoner.vote(answers)


@dataclass(frozen=True)
class ConfidentVote:
    """DeepConf online (arXiv 2508.15260): samples whose confidence falls below that of a warm-up die; the rest vote.

    Confidence is minus the mean of the largest log-probabilities. `keep`: per cent of the warm-up that would live on.
    """

    warmup: int = 3
    samples: int = 6
    window: int = 8
    keep: int = 90
    needs = (top_mean(20),)

    def __post_init__(self) -> None:
        positive(warmup=self.warmup, samples=self.samples, window=self.window, keep=self.keep)
        if self.warmup > self.samples or self.keep > 100:
            raise ValueError(f"warmup is {self.warmup}, keep {self.keep}; they take at most {self.samples} and 100")

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        branches = [reasoner.branch(str(index)) for index in range(self.samples)]
        first = await reasoner.race(branches[: self.warmup])
        line = percentile([min(self.groups(reasoner, trace)) for trace in first], 100 - self.keep)
        late = [reasoner.branch(str(index), seen=first) for index in range(self.warmup, self.samples)]
        rest = await reasoner.race(late, cut_at=lambda trace: self.death(reasoner, trace, line)) if late else ()
        living = [trace for trace in (*first, *rest) if trace.thinking_ended] or list(first)
        answers = await together([reasoner.answer(trace) for trace in living])
        yield reasoner.vote(answers, weights=[fsum(self.groups(reasoner, trace)) for trace in living], seen=rest)

    def groups(self, reasoner: Reasoner, trace: Trace) -> list[float]:
        return group_means([-value for value in reasoner.logprobs(trace, self.needs[0])], self.window)

    def death(self, reasoner: Reasoner, trace: Trace, line: float) -> int | None:
        return first_below([-value for value in reasoner.logprobs(trace, self.needs[0])], self.window, line)


def group_means(values: Sequence[float], window: int) -> list[float]:
    """Means of each window of values; of all of them where there are fewer."""
    if len(values) <= window:
        return [fsum(values) / len(values)]
    return [fsum(values[end - window : end]) / window for end in range(window, len(values) + 1)]


def first_below(values: Sequence[float], window: int, line: float) -> int | None:
    """How many values there are when the mean of the last `window` is below `line` for the first time."""
    ends = range(window, len(values) + 1)
    return next((end for end in ends if fsum(values[end - window : end]) / window < line), None)


def percentile(values: Sequence[float], per_cent: float) -> float:
    """Interpolated linearly, as numpy does by default."""
    ranked = sorted(values)
    place = per_cent / 100 * (len(ranked) - 1)
    low = floor(place)
    high = min(low + 1, len(ranked) - 1)
    return ranked[low] + (place - low) * (ranked[high] - ranked[low])
