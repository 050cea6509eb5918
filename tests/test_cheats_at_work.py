"""Claim: what a strategy does at work is one error of it; no other strategy notices."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from contextvars import Context
from typing import Any

import pytest

from tests.cheats import Solve, Ways, check, once, record_of, samples
from tts_bench.api import Answer, Trace
from tts_bench.errors import UserError
from tts_bench.solving.loop import end

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


class Nameless(type):
    __name__ = property(lambda cls: 1 // 0)


class Surrogate(type):
    __name__ = "\ud800"


class Says(Exception):
    """Raises what it was made of, where its message is asked for."""

    def __str__(self) -> str:
        raise self.args[0]


@ways.error("raised", "an error that cannot be shown")
async def raises_what_has_neither_message_nor_name(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    yield await once(door)
    raise Says(Nameless("Error", (BaseException,), {})())


@ways.error("raised", "an error that cannot be shown")
async def raises_what_has_a_name_that_cannot_be_written(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    yield await once(door)
    raise Says(Surrogate("Error", (BaseException,), {})())


class Lying(Exception):
    __class__ = property(lambda self: BaseExceptionGroup)


@ways.error("raised", "Lying: I am many")
async def raises_what_calls_itself_a_group(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    yield await once(door)
    raise Lying("I am many")


class Again(ExceptionGroup[Exception]):
    """Says that it holds itself."""

    exceptions = property(lambda self: (ValueError("a part"), self))


@ways.error("raised", "KeyError: 'the part'")
async def raises_a_group_that_holds_itself(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    yield await once(door)
    raise Again("again", [KeyError("the part")])


@ways.error("raised", "EEEE")
async def raises_an_error_with_a_name_of_a_book(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    yield await once(door)
    raise type("E" * 10**6, (Exception,), {})


@ways.misuse("too deep in a recursion")
async def thinks_where_no_call_is_left(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    async def deeper() -> Answer:
        try:
            return await deeper()
        except RecursionError:  # one call further up, in each of them, until there is room to begin
            return await once(door)

    yield await deeper()


@ways.error("timeout", "did not finish")
async def spins_in_a_context_of_its_own(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    async def spin() -> None:
        while True:
            pass

    await asyncio.create_task(spin(), context=Context())
    yield await once(door)


@ways.error("raised", "RuntimeError: SystemExit: I am leaving")
async def leaves_in_a_task(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    async def leave() -> None:
        raise SystemExit("I am leaving")

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(leave())
    yield await once(door)


@ways.misuse("max_tokens of think() is 0")
async def misuses_the_reasoner_in_a_task_that_nobody_awaits(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    asyncio.create_task(door.think(max_tokens=0))  # noqa: RUF006 - that is the point
    yield await once(door)


@ways.error("raised", "KeyError: 'lost'")
async def fails_in_a_task_that_nobody_awaits(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    async def fail() -> None:
        raise KeyError("lost")

    asyncio.create_task(fail())  # noqa: RUF006 - that is the point
    yield await once(door)


@ways.error("raised", "ZeroDivisionError: division by zero")
async def fails_in_a_callback(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    asyncio.get_running_loop().call_soon(lambda: 1 / 0)
    yield await once(door)


async def _divides() -> float:
    return 1 / 0


@ways.error("raised", "ZeroDivisionError: division by zero")
async def gathers_what_fails_and_does_not_look(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    gathered = asyncio.gather(_divides(), _divides())
    answer = await once(door)
    del gathered
    yield answer


@ways.misuse("called from a thread other")
async def thinks_in_another_thread(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    yield await door.answer(await asyncio.to_thread(lambda: asyncio.run(door.think())))


@pytest.mark.parametrize(("way", "kind", "said"), ways.all.values(), ids=ways.all)
def test_what_breaks_down_is_one_error_and_nobody_else_notices(way: Solve, kind: str, said: str) -> None:
    check(way, kind, said)


def test_the_message_of_an_error_is_short_whatever_its_name_is() -> None:
    error = record_of(raises_an_error_with_a_name_of_a_book).error
    assert error is not None
    assert len(error.message) < 10_000


def test_after_a_strategy_that_could_not_be_ended_errors_of_callbacks_are_heard_all_the_same() -> None:
    async def both(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
        async def stays() -> None:
            while True:
                with suppress(asyncio.CancelledError):
                    await asyncio.sleep(60)

        left = asyncio.create_task(stays())
        await asyncio.sleep(0)
        await end([left])
        asyncio.get_running_loop().call_soon(lambda: 1 / 0)
        await asyncio.sleep(0)
        yield await once(door)

    check(both, "raised", "ZeroDivisionError: division by zero")


def test_a_callback_that_wants_to_end_the_process_ends_the_run_with_a_message() -> None:
    async def leaves_in_a_callback(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
        asyncio.get_running_loop().call_soon(sys.exit, 3)
        yield await once(door)

    with pytest.raises(UserError, match=r"^a callback of a strategy ended the run \(SystemExit: 3\)"):
        record_of(leaves_in_a_callback)
