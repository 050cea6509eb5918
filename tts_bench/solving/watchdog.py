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

# Set in the task of a strategy, whose own tasks inherit it: what runs under it may be interrupted.
solving: ContextVar[bool] = ContextVar("solving", default=False)

_PATIENCE = 0.25  # seconds that the loop may stand still, however short the limit: what waits has its deadline
_INSISTING = (
    0.0002  # seconds to the next interruption: of many, one meets a loop outside of the `try` that swallows them
)
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
    limit, turned = max(limit, _PATIENCE), time.monotonic()
    hung: asyncio.Task[Any] | None = None  # since the loop turned last

    async def turn() -> None:
        nonlocal turned, hung
        while True:
            turned, hung = time.monotonic(), None
            await asyncio.sleep(limit / 4)

    def alarm(number: int, frame: FrameType | None) -> None:
        nonlocal turned, hung
        task, now = asyncio.current_task(), time.monotonic()
        if (now - turned > limit or (hung and task is hung)) and _may_be_interrupted(frame):
            turned, hung = now, task  # who runs after it is not to blame
            signal.setitimer(signal.ITIMER_REAL, _INSISTING, limit / 2)
            raise Hang

    # Python swallows what is raised in a destructor, and would print it: the next interruption meets the strategy.
    shown = sys.unraisablehook

    def unraisable(error: sys.UnraisableHookArgs) -> None:
        if not issubclass(error.exc_type, Hang):
            shown(error)

    sys.unraisablehook = unraisable
    heart = asyncio.create_task(turn())
    before = signal.signal(signal.SIGALRM, alarm)
    signal.setitimer(signal.ITIMER_REAL, limit / 2, limit / 2)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        sys.unraisablehook = shown
        heart.cancel()


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
