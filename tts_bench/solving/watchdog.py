"""Interrupts a strategy that blocks the event loop, so that a hang is its own error and not the run's."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from types import FrameType
from typing import Any

# Set in the task of a strategy, whose own tasks inherit it: what runs under it may be interrupted. The harness's tasks
# say no (loop.py); a context that a strategy or its thread made says nothing, and is a strategy's.
solving: ContextVar[bool] = ContextVar("solving", default=True)

_PATIENCE = 0.25  # seconds that the loop may stand still, however short the limit: what waits has its deadline
_INSISTING = 0.0002  # seconds between interruptions: of many, one meets a loop outside the `try` that swallows them
_SIGNAL = signal.SIGVTALRM  # strategies use SIGALRM and its timer, as math-verify does, and cancel what was set
# These serve all strategies: one that is cut short there harms others.
_SHARED = ("tts_bench.core.scheduler", "tts_bench.core.scoring", "tts_bench.core.store")


class Hang(BaseException):
    """Raised inside a strategy that has kept the event loop from turning for too long; `except Exception` passes it."""


@asynccontextmanager
async def watchdog(limit: float) -> AsyncIterator[None]:
    """Within the block, a strategy that blocks the loop for `limit` seconds is interrupted by `Hang`.

    Deadlines end strategies that wait; only a signal reaches one that never awaits. Signals reach the main thread
    alone, so elsewhere this does nothing, and none reaches a call into C before it comes back.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # Python swallows what is raised in a destructor, and would print it: the next interruption meets the strategy.
    shown = sys.unraisablehook

    def unraisable(error: sys.UnraisableHookArgs) -> None:
        if not issubclass(error.exc_type, Hang):
            shown(error)

    sys.unraisablehook = unraisable
    watch = _Watch(max(limit, _PATIENCE))
    heart = asyncio.create_task(watch.turn())
    before = signal.signal(_SIGNAL, watch.look)
    sender = threading.Thread(target=watch.send, name="watchdog", daemon=True)
    sender.start()
    try:
        yield
    finally:
        watch.ended.set()
        sender.join()  # or a signal would come that nobody takes, which ends a process
        watch.relent()
        signal.signal(_SIGNAL, before)
        sys.unraisablehook = shown
        heart.cancel()


class _Watch:
    """Looks at the loop twice within its limit, whenever a thread says so."""

    def __init__(self, limit: float) -> None:
        self.ended = threading.Event()
        self._limit, self._turned = limit, time.monotonic()
        self._hung: asyncio.Task[Any] | None = None  # since the loop turned last
        self._before: list[Any] = []  # the handler of SIGALRM, while interruptions are insisted on

    async def turn(self) -> None:
        """The loop's own task."""
        while True:
            self._turned, self._hung = time.monotonic(), None
            self.relent()
            await asyncio.sleep(self._limit / 4)

    def send(self) -> None:
        """The thread's work."""
        while not self.ended.wait(self._limit / 2):
            signal.pthread_kill(threading.main_thread().ident or 0, _SIGNAL)

    def look(self, number: int, frame: FrameType | None) -> None:
        """The handler of both signals.

        Raises:
            Hang: in a strategy that keeps the loop from turning.
        """
        task, now = asyncio.current_task(), time.monotonic()
        stands = now - self._turned > self._limit or (self._hung and task is self._hung)
        if stands and _may_be_interrupted(frame):
            self._turned, self._hung = now, task  # who runs after it is not to blame
            if not self._before:
                self._before.append(signal.signal(signal.SIGALRM, self.look))
            # A thread could not send so many beside a loop that never waits.
            signal.setitimer(signal.ITIMER_REAL, _INSISTING, _INSISTING)
            raise Hang
        if task is not self._hung:
            self.relent()

    def relent(self) -> None:
        """Give SIGALRM back."""
        if self._before:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, self._before.pop())


def _may_be_interrupted(frame: FrameType | None) -> bool:
    """Whether a strategy's own code runs: in one of its tasks, not amid what serves others or tells of errors."""
    if not solving.get() or asyncio.current_task() is None:
        return False
    hook = getattr(sys.unraisablehook, "__code__", None)
    while frame is not None:
        if frame.f_code is hook or frame.f_globals.get("__name__") in _SHARED:
            return False
        frame = frame.f_back
    return True
