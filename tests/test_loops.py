"""Coroutines are finished from plain code, whether or not this thread has a loop at work."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future

import pytest

from tts_bench import loops


async def where(seen: list[threading.Thread]) -> str:
    seen.append(threading.current_thread())
    await asyncio.sleep(0)
    return "done"


def test_without_a_loop_nothing_leaves_this_thread() -> None:
    seen: list[threading.Thread] = []
    assert loops.run(where(seen)) == "done"
    assert seen == [threading.current_thread()]


def test_where_a_loop_is_running_the_result_and_the_error_come_back_all_the_same() -> None:
    async def fail() -> None:
        raise ValueError("mine")

    async def cell() -> None:
        seen: list[threading.Thread] = []
        assert loops.run(where(seen)) == "done"
        assert seen != [threading.current_thread()]
        with pytest.raises(ValueError, match="mine"):
            loops.run(fail())

    asyncio.run(cell())


def test_ctrl_c_in_a_notebook_ends_the_work_and_not_only_the_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()
    begun = threading.Event()

    async def endless() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    waited = Future.result
    main = threading.current_thread()

    def interrupted(self: Future[object], timeout: float | None = None) -> object:
        if threading.current_thread() is main and not self.done():
            begun.wait()
            monkeypatch.setattr(Future, "result", waited)
            raise KeyboardInterrupt
        return waited(self, timeout)

    async def cell() -> None:
        monkeypatch.setattr(Future, "result", interrupted)
        with pytest.raises(KeyboardInterrupt):
            loops.run(endless())

    asyncio.run(cell())
    assert ended.is_set()
