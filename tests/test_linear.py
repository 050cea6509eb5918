"""What a decision costs the harness grows with the samples it is made from, and not with their square."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from math import log2

import pytest

from tests.scripts import World, number, rambler
from tts_bench.api import Answer, Trace
from tts_bench.core.ledger import Ledger
from tts_bench.core.reasoner import ModelReasoner
from tts_bench.strategies.sampling import pool, together

SIZES = (64, 128, 256)
MOST = 1.15  # of the exponent of growth


def opened() -> ModelReasoner:
    world = World(rambler)
    return ModelReasoner(world.item().problem, world.scheduler, world.conditions, number, Ledger())


def calls(work: Callable[[], object]) -> int:
    """Calls of functions, Python's own among them, that `work` makes."""
    counted = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal counted
        counted += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
    return counted


def drawn(size: int) -> tuple[ModelReasoner, list[Answer]]:
    door = opened()
    return door, asyncio.run(pool(door, range(size)))


def vote(size: int) -> int:
    door, answers = drawn(size)
    return calls(lambda: door.vote(answers))


def weighed(size: int) -> int:
    door, answers = drawn(size)
    return calls(lambda: door.vote(answers, weights=[1.0] * size, ties="shortest", seen=answers))


def choice(size: int) -> int:
    door, answers = drawn(size)
    return calls(lambda: door.choose(answers[0], seen=answers))


def race(size: int) -> int:
    """All of them run to their ends, at each of which it is asked whether they are enough; then they vote."""
    door = opened()

    async def raced() -> tuple[Trace, ...]:
        branches = [door.branch(str(index)) for index in range(size)]
        return await door.race(branches, enough=lambda ended: len(ended) == size)

    return calls(lambda: asyncio.run(raced()))


def shortest(size: int) -> int:
    """Half of them finish; these answer and vote, and all are paid for."""
    door = opened()

    async def raced() -> None:
        branches = [door.branch(str(index)) for index in range(size)]
        traces = await door.race(branches, enough=lambda ended: len(ended) >= size // 2)
        pairs = [pair for pair in zip(branches, traces, strict=True) if pair[1].thinking_ended]
        door.vote(await together(branch.answer(trace) for branch, trace in pairs), seen=traces)

    return calls(lambda: asyncio.run(raced()))


@pytest.mark.parametrize("decision", [vote, weighed, choice, race, shortest], ids=lambda each: each.__name__)
def test_a_decision_makes_calls_in_proportion_to_its_samples(decision: Callable[[int], int]) -> None:
    small, middle, large = map(decision, SIZES)
    assert log2(middle / small) <= MOST
    assert log2(large / middle) <= MOST
