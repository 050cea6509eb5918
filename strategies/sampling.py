"""Shared by strategies that draw several samples. Sample i is drawn in branch i, so all of them use one pool."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from math import isnan
from typing import TypeVar

from tts_bench.api import Answer, Reasoner, Seen

T = TypeVar("T")
MOST = 10_000  # generations of a problem: far more than anyone draws, and a mistyped number does not fill the memory


def at_least(least: int, **options: int | None) -> None:
    """Raises:
    ValueError: an option is below `least`; None passes.
    """
    for name, value in options.items():
        if value is not None and value < least:
            raise ValueError(f"{name} is {value}; it takes a whole number from {least} upwards")


def feasible(**options: int) -> None:
    """For numbers of generations, or of what takes at least one each.

    Raises:
        ValueError: an option is above `MOST`.
    """
    for name, value in options.items():
        if value > MOST:
            raise ValueError(f"{name} is {value}; a problem may have {MOST:,} generations. Give a smaller number.")


def countable(**options: int) -> None:
    """As `feasible`, and at least 1.

    Raises:
        ValueError: an option is below 1 or above `MOST`.
    """
    at_least(1, **options)
    feasible(**options)


def fraction(**options: float) -> None:
    """Raises:
    ValueError: an option is not a number from 0 to 1.
    """
    for name, value in options.items():
        if not 0 <= value <= 1:
            raise ValueError(f"{name} is {value}; it takes a number from 0 to 1")


def known(numbers: Iterable[float]) -> list[float]:
    """Without the numbers that a server left out, which are NaN: no mean or sum would be a number."""
    return [number for number in numbers if not isnan(number)]


async def together(works: Iterable[Awaitable[T]]) -> list[T]:
    """The results of all, in order. If one fails, the others are cancelled."""

    async def done(work: Awaitable[T]) -> T:
        return await work

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(done(work)) for work in works]
    return [task.result() for task in tasks]


async def once(reasoner: Reasoner, budget: int | None = None) -> Answer:
    """One sample: thinking of at most `budget` tokens, and an answer."""
    return await reasoner.answer(await reasoner.think(max_tokens=budget))


async def pool(
    reasoner: Reasoner, samples: range, budget: int | None = None, *, seen: Sequence[Seen] = ()
) -> list[Answer]:
    """The samples with these numbers, drawn in parallel. `seen`: what the decision to draw them is based on."""
    return await together(once(reasoner.branch(str(number), seen=seen), budget) for number in samples)
