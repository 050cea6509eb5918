"""How many problems are in flight: as many as keep the engine busy, so that few requests wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from tts_bench.core.scheduler import Scheduler
from tts_bench.engine import EngineInfo
from tts_bench.errors import UserError

T = TypeVar("T")

_IN_FLIGHT = 64  # problems at once, for each worker of an engine that does not say how many requests it decodes
_SPARE = 4  # for so many requests that are decoded, one may wait: a row that ends finds the next one at once
_TURNS = 8  # of the event loop: a problem that has begun, or was answered, has made its next requests by then


def most_in_flight(info: EngineInfo) -> int:
    """The most problems in flight if the user names no number. Each has at least one request with the engine."""
    if info.recorded:
        return 1  # there is nothing to wait for
    return _wanted(info) or _IN_FLIGHT * int(str(info.settings.get("workers", 1)))


def _wanted(info: EngineInfo) -> int:
    """Requests that keep the engine busy; 0 where it does not say."""
    return info.at_once + -(-info.at_once // _SPARE)


async def work_on(
    items: Iterable[T], work: Callable[[T], Awaitable[None]], scheduler: Scheduler, in_flight: int | None = None
) -> None:
    """Run `work` on each of `items`: on `in_flight` at once, or without it on as many as keep the engine busy.

    The next item starts when the engine has too few requests. With a fixed number of items, a vote of 64 on each would
    leave thousands of requests waiting, and a run that is stopped would have many problems half done.

    Raises:
        UserError, OSError: the first that `work` raises.
        BaseExceptionGroup: it raises nothing but other errors.
    """
    info = scheduler.engine.info
    waiting, turn = iter(items), asyncio.Lock()
    wanted, left = 0 if in_flight else _wanted(info), in_flight or most_in_flight(info)

    async def works(group: asyncio.TaskGroup) -> None:
        nonlocal left
        while True:
            async with turn:
                if wanted:
                    await _room(scheduler, wanted)
                try:
                    item = next(waiting)
                except StopIteration:
                    return
            if left := max(0, left - 1):
                group.create_task(works(group))  # no more of them than items
            await work(item)

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(works(group))
    except BaseExceptionGroup as error:
        raise _mendable(error) from None


async def _room(scheduler: Scheduler, wanted: int) -> None:
    """Wait until the engine has fewer requests than `wanted`, counting those that are about to be made."""
    await _settled()
    while scheduler.with_engine >= wanted:
        await scheduler.ended()
        await _settled()


async def _settled() -> None:
    for _ in range(_TURNS):
        await asyncio.sleep(0)


def _mendable(error: BaseException) -> BaseException:
    """The first error in a group that the command line can explain to the user; the whole group if there is none."""
    while isinstance(error, BaseExceptionGroup):
        mendable, _ = error.split((UserError, OSError))
        if mendable is None:
            return error
        error = mendable.exceptions[0]
    return error
