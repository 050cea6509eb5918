"""Published strategies that sample, stop and vote, each in a class of under forty lines: examples, not a shelf."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from tts_bench.api import Answer, Problem, Reasoner, Sampling, Trace

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
