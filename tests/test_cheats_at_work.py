"""Claim: what a strategy does at work is one error of it; no other strategy notices."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from tests.cheats import Solve, Ways, check, once, samples
from tts_bench.api import Answer, Trace

ways = Ways()

# Races


async def raced(door: Any, **how: Any) -> Answer:  # noqa: ANN401
    branches = [door.branch(str(index)) for index in range(4)]
    traces = await door.race(branches, **how)
    answer: Answer = door.choose(await branches[0].answer(traces[0]), seen=traces)
    return answer


@ways.misuse("enough() of race() is an `async def`")
async def is_asked_for_enough_and_answers_later(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    async def enough(ended: Sequence[Trace]) -> bool:
        return False

    yield await raced(door, enough=enough)


@ways.misuse("enough of race() is a int")
async def gives_a_number_for_a_function(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    yield await raced(door, enough=7)


@ways.misuse("cut_at() returned nan")
async def dies_at_no_number(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    yield await raced(door, cut_at=lambda trace: float("nan"))


@ways.misuse("cut_at() returned <coroutine object")
async def asks_the_model_where_to_die(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    asked = door.think()
    try:
        yield await raced(door, cut_at=lambda trace: asked)
    finally:
        asked.close()


@ways.misuse("cut_at() kills a trace at 1 tokens that it had let live")
async def lets_a_trace_live_and_then_die_before(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    door.piece = 16  # as if thinking were long
    yield await raced(door, cut_at=lambda trace: 1 if trace.thinking_tokens > 16 else None)


@ways.misuse("race() was given a Handle")
async def races_with_a_handle_of_its_own(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    class Handle:
        ledger = door.ledger

    yield (await door.race([Handle()]))[0]


async def glimpsed(door: Any) -> Trace:  # noqa: ANN401
    """A trace as cut_at() saw it, longer than it came to be."""
    kept: list[Trace] = []
    await door.race([door], cut_at=lambda trace: kept.append(trace) or 1)  # type: ignore[func-returns-value]
    return kept[0]


@ways.misuse("answer() was given a Trace that this problem's reasoner did not make")
async def answers_a_trace_that_it_saw_die(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    yield await door.answer(await glimpsed(door))


@ways.misuse("think() was given a Trace that this problem's reasoner did not make")
async def thinks_on_from_a_trace_that_it_saw_die(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    yield await door.answer(await door.think(await glimpsed(door)))


@ways.misuse("seen of choose() was given a Trace that this problem's reasoner did not make")
async def pays_with_a_trace_that_it_saw_die(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    yield door.choose(await once(door), seen=[await glimpsed(door)])


# Not to end, not to begin, and not to stay within bounds


@ways.error("raised", "ZeroDivisionError")
async def fails_where_a_trace_might_die(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    yield await raced(door, cut_at=lambda trace: 1 // 0)


@ways.error("timeout", "did not finish")
async def never_says_whether_it_is_enough(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    def enough(ended: Sequence[Trace]) -> bool:
        while True:
            pass

    yield await raced(door, enough=enough)


@ways.error("timeout", "did not finish")
async def lingers_in_destructors_where_errors_are_swallowed(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    class Slow:
        def __del__(self) -> None:
            for _ in range(1000):
                pass

    yield await once(door)
    while True:
        Slow()


@ways.error("raised", "ValueError: they disagree")
async def raises_where_samples_disagree(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    answers = await samples(door)
    yield door.vote(answers)
    if len({answer.extracted for answer in answers}) > 1:
        raise ValueError("they disagree")


@ways.error("timeout", "did not finish")
async def swallows_its_cancellation(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await door.think()
    yield await once(door)


class Endless(Exception):
    def __str__(self) -> str:
        while True:
            pass


@ways.error("timeout", "did not finish")
async def raises_what_never_ends_its_message(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    yield await once(door)
    raise Endless


@ways.error("raised", "ValueError: deep down")
async def raises_groups_of_groups(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    yield await once(door)
    error: Exception = ValueError("deep down")
    for _ in range(5000):
        error = ExceptionGroup("more", [error])
    raise error


class Untold(Exception):
    def __str__(self) -> str:
        raise KeyError("no words")


@ways.error("raised", "Untold: (its message cannot be had)")
async def raises_what_has_no_message(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    yield await once(door)
    raise Untold


@ways.error("raised", "RuntimeError: SystemExit: I am leaving")
async def leaves_in_a_task(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    async def leave() -> None:
        raise SystemExit("I am leaving")

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(leave())
    yield await once(door)


@ways.misuse("called from a thread other")
async def thinks_in_another_thread(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    yield await door.answer(await asyncio.to_thread(lambda: asyncio.run(door.think())))


@pytest.mark.parametrize(("way", "kind", "said"), ways.all.values(), ids=ways.all)
def test_what_breaks_down_is_one_error_and_nobody_else_notices(way: Solve, kind: str, said: str) -> None:
    check(way, kind, said)
