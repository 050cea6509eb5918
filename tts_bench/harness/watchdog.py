"""Interrupts a strategy that blocks the event loop, so that a hang is its own error and not the run's."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import FrameType

TASK_NAME = "strategy"  # name of the tasks that may be interrupted


class Hang(Exception):
    """Raised inside a strategy that has kept the event loop from turning for too long."""


@asynccontextmanager
async def watchdog(limit: float) -> AsyncIterator[None]:
    """Within the block, a task named `TASK_NAME` that blocks the loop for `limit` seconds is interrupted by `Hang`.

    `asyncio.timeout` ends strategies that wait; only a signal reaches one that never awaits. Signals reach the main
    thread alone, so elsewhere this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    turned = time.monotonic()

    async def turn() -> None:
        nonlocal turned
        while True:
            turned = time.monotonic()
            await asyncio.sleep(limit / 4)

    def alarm(number: int, frame: FrameType | None) -> None:
        nonlocal turned
        task = asyncio.current_task()
        if task is not None and task.get_name() == TASK_NAME and time.monotonic() - turned > limit:
            turned = time.monotonic()
            raise Hang

    heart = asyncio.create_task(turn())
    before = signal.signal(signal.SIGALRM, alarm)
    signal.setitimer(signal.ITIMER_REAL, limit / 2, limit / 2)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        heart.cancel()
