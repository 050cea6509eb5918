"""Where a worker's engine runs, seen from both sides: a process of this machine, or an actor of a cluster."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Any, Protocol

from tts_bench.api import LearnedToken
from tts_bench.engine import Engine, Generation, Request
from tts_bench.errors import UserError

Load = Callable[..., Engine]
Outcome = Generation | Exception


class Host(Protocol):
    """What a driver holds of a place where `serve` runs. The first message is an engine's info and tokenizer."""

    def send(self, messages: list[Any]) -> None:
        """
        Raises:
            OSError: it has ended.
        """
        ...

    def receive(self) -> Any:  # noqa: ANN401 - whatever `serve` sends
        """The next message; waits for it.

        Raises:
            EOFError, OSError: it has ended.
        """
        ...

    def end(self) -> None:
        """Wait a moment for the engine to close, which it was told to, then end it."""
        ...

    def ending(self) -> str:
        """How it ended, as in "a worker process ended with code -9"."""
        ...

    def again(self) -> Host | None:
        """Another in the place of this one, which has ended; None where there is to be none."""
        ...


class Line(Protocol):
    """The far side's end."""

    def send(self, message: Any) -> None: ...  # noqa: ANN401

    def recv(self) -> Any: ...  # noqa: ANN401


def serve(line: Line, load: Load, arguments: dict[str, Any]) -> None:
    """Load an engine and answer what comes over `line`, until told to close or until nobody is there any more."""
    try:
        engine = load(**arguments)
    except Exception as error:
        line.send(error)
        return
    line.send((engine.info, engine.tokenizer))
    asyncio.run(_answer(engine, line))


def _refusal(engine: Engine, token: LearnedToken) -> UserError | None:
    try:
        engine.learn(token)
    except UserError as error:
        return error
    return None


async def _answer(engine: Engine, line: Line) -> None:
    loop, closing = asyncio.get_running_loop(), asyncio.Event()
    tasks: dict[int, asyncio.Task[None]] = {}
    finished: list[tuple[int, Outcome]] = []

    def flush() -> None:
        outcomes = finished.copy()
        finished.clear()
        with contextlib.suppress(OSError):  # nobody listens any more
            line.send(("done", engine.busy_seconds, outcomes))

    async def answer(number: int, request: Request) -> None:
        outcome: Outcome
        try:
            [outcome] = await engine.generate([request])
        except Exception as error:
            outcome = error
        finally:
            del tasks[number]
        if not finished:
            loop.call_soon(flush)
        finished.append((number, outcome))

    def take(messages: list[Any]) -> None:
        for verb, *about in messages:
            if verb == "ask":
                tasks[about[0]] = loop.create_task(answer(*about))
            elif verb == "cancel":
                if task := tasks.get(about[0]):
                    task.cancel()
            elif verb == "learn":
                line.send(("learned", _refusal(engine, *about)))
            else:
                closing.set()

    def read() -> None:
        with contextlib.suppress(EOFError, OSError, RuntimeError):  # the driver is gone, or we are closing
            while True:
                loop.call_soon_threadsafe(take, line.recv())
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(closing.set)

    threading.Thread(target=read, daemon=True).start()
    await closing.wait()
    await engine.close()
