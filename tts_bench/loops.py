"""Coroutines run to their end from plain code, in a notebook too, where a loop is running already."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run`; where this thread has a loop at work, which refuses a second one, in a thread of its own."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return _run(coroutine)
    begun: Future[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]]] = Future()

    async def work() -> T:
        task = asyncio.current_task()
        assert task is not None
        begun.set_result((asyncio.get_running_loop(), task))
        return await coroutine

    with ThreadPoolExecutor(1) as threads:
        result = threads.submit(_run, work())
        try:
            return result.result()
        except KeyboardInterrupt:  # it comes to this thread; the work must not go on unseen
            loop, task = begun.result()
            loop.call_soon_threadsafe(task.cancel)
            raise


def _run(coroutine: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run`, with the result kept out of its task.

    asyncio puts its handler of Ctrl-C back by `signal.signal`, which has the task written out, result and all, for the
    message of an error that nobody sees (CPython 3.11): of a strategy's traces that is thousands of lines.
    """
    results: list[T] = []

    async def main() -> None:
        results.append(await coroutine)

    asyncio.run(main())
    return results[0]
