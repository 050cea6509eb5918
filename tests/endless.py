"""Strategies that do not end, each in a way of its own."""

from __future__ import annotations

import asyncio
import itertools
import signal
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from dataclasses import dataclass

from tts_bench.api import Answer, Problem, Reasoner


async def _answer(reasoner: Reasoner) -> Answer:
    return await reasoner.answer(await reasoner.think())


@dataclass(frozen=True)
class Swallows:
    """Everything, and asks the model again."""

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        while True:
            try:
                await _answer(reasoner)
            except BaseException:
                continue
        yield await _answer(reasoner)


@dataclass(frozen=True)
class SetsAnAlarm:
    """As libraries do around what may hang: the alarm is cancelled, and its handler left."""

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        answer = await _answer(reasoner)
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        signal.alarm(5)
        signal.alarm(0)
        yield answer


@dataclass(frozen=True)
class SwallowsWhileItSleeps:
    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        while True:
            with suppress(BaseException):
                await asyncio.sleep(0.01)
        yield await _answer(reasoner)


@dataclass(frozen=True)
class SpinsInATask:
    """In a task of its own, which has not the strategy's name."""

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._spin())
        yield await _answer(reasoner)

    async def _spin(self) -> None:
        while True:
            time.sleep(0.001)


@dataclass(frozen=True)
class SpinsAndSwallowsOrdinaryErrors:
    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        while True:
            try:
                while True:
                    time.sleep(0.001)
            except Exception:
                continue
        yield await _answer(reasoner)


@dataclass(frozen=True)
class BlocksInC:
    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        max(itertools.repeat(0))
        yield await _answer(reasoner)


@dataclass(frozen=True)
class LeavesAThread:
    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        threading.Thread(target=threading.Event().wait).start()
        yield await _answer(reasoner)


@dataclass(frozen=True)
class LeavesAThreadOfTheLoop:
    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        asyncio.get_running_loop().run_in_executor(None, threading.Event().wait)
        yield await _answer(reasoner)


@dataclass(frozen=True)
class LeavesATask:
    """One that swallows its cancellation."""

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        _left.append(asyncio.create_task(self._stay()))
        yield await _answer(reasoner)

    async def _stay(self) -> None:
        while True:
            try:
                await asyncio.sleep(3600)
            except BaseException:
                continue


@dataclass(frozen=True)
class LeavesAGenerator:
    """One that does not let itself be closed."""

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        generator = self._stay()
        await anext(generator)
        left_open.append(generator)
        yield await _answer(reasoner)

    async def _stay(self) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            closed.append(self)
            await asyncio.sleep(3)


left_open: list[AsyncGenerator[None, None]] = []
closed: list[LeavesAGenerator] = []
_left: list[asyncio.Task[None]] = []
