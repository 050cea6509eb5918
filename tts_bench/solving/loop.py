"""An event loop that ends, whatever strategies leave in it: tasks that swallow cancellation, threads that stay."""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import Coroutine, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from tts_bench import loops
from tts_bench.core.ledger import Ledger, entered
from tts_bench.errors import UserError
from tts_bench.solving.watchdog import solving

T = TypeVar("T")

_TIMES, _GRACE = 3, 0.3  # a task is cancelled so often, and has so many seconds for each to end


class _Unwaited(ThreadPoolExecutor):
    """Threads that nobody waits for when the loop is closed."""

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        super().shutdown(wait=False, cancel_futures=True)


class _Staying(Coroutine[Any, Any, Any]):
    """The work of a task that a strategy began: what would end the process there is an error of the task alone."""

    def __init__(self, work: Coroutine[Any, Any, Any]) -> None:
        self._work, self.ledger = work, entered()

    def send(self, value: object) -> object:
        try:
            return self._work.send(value)
        except SystemExit as error:
            raise RuntimeError(f"SystemExit: {error}") from error

    def throw(self, *error: Any) -> object:
        try:
            return self._work.throw(*error)
        except SystemExit as ending:
            raise RuntimeError(f"SystemExit: {ending}") from ending

    def close(self) -> None:
        self._work.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._work.__await__()


def _task(loop: asyncio.AbstractEventLoop, work: Any, **more: Any) -> asyncio.Task[Any]:  # noqa: ANN401 - as asyncio's
    # What closes a generator that was left behind begins in anyone's context.
    staying = asyncio.iscoroutine(work) and (solving.get() or not inspect.iscoroutine(work))
    return asyncio.Task(_Staying(work) if staying else work, loop=loop, **more)


def run(main: Coroutine[Any, Any, T]) -> T:
    """As `asyncio.run`, in a time that does not depend on the tasks and threads that are left behind.

    Raises:
        UserError: a callback of a strategy wanted to end the process. What is finished is kept.
    """

    async def whole() -> T:
        running: Any = asyncio.get_running_loop()
        running.set_default_executor(_Unwaited())
        running.set_task_factory(_task)
        running.set_exception_handler(_unheard)
        solving.set(False)
        try:
            return await main
        finally:
            await end(asyncio.all_tasks() - {asyncio.current_task()})
            # Or else `asyncio.run` runs each generator that is left to its end. Other loops may have none.
            getattr(running, "_asyncgens", set[Any]()).clear()

    try:
        return loops.run(whole())
    except SystemExit as error:  # of a task it is an error of the task; asyncio ends its loop at one of a callback
        raise UserError(
            f"a callback of a strategy ended the run (SystemExit: {error}). Remove the exit and type the same command: "
            "finished problems are kept."
        ) from error


def _unheard(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What a task of a strategy raised that nobody waited for, or a callback, is an error of its problem."""
    if _forgotten and ("asyncgen" in context or context.get("task") in _forgotten):
        return  # such as a generator of a forgotten task, which cannot close
    ledger, error = _ledger(context), context.get("exception")
    if ledger is not None and error is not None and not ledger.closed:
        ledger.unheard(error)
    else:
        loop.default_exception_handler(context)


def _ledger(context: dict[str, Any]) -> Ledger | None:
    """Of the problem whose task or callback an event loop complains of."""
    future = context.get("task") or context.get("future")
    for task in getattr(future, "_children", [future]):  # those that `asyncio.gather` waits for
        if isinstance(task, asyncio.Task) and isinstance(work := task.get_coro(), _Staying):
            return work.ledger
    if (handle := context.get("handle")) is None:
        return None
    if sys.version_info >= (3, 12):  # the loop complains in the context of the callback
        return entered()
    ledger: Ledger | None = handle._context.run(entered)
    return ledger


async def end(tasks: Iterable[asyncio.Task[Any] | None]) -> bool:
    """Cancel tasks until they end; whether all did. The others are forgotten: nothing waits for them any more."""
    left = {task for task in tasks if task is not None}
    try:
        for _ in range(_TIMES):
            for task in left:
                task.cancel()
            if left:
                _, left = await asyncio.wait(left, timeout=_GRACE)
    finally:  # also where this is cancelled in its turn
        for task in left:
            _forget(task)
    return not left


def _forget(task: asyncio.Task[Any]) -> None:
    """Take a task off the list that `asyncio.run` waits for, and keep it: freeing it would run it once more."""
    asyncio.tasks._unregister_task(task)
    task._log_destroy_pending = False  # type: ignore[attr-defined]
    _forgotten.append(task)


_forgotten: list[asyncio.Task[Any]] = []
