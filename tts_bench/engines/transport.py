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
WorkerReply = Generation | Exception


class Transport(Protocol):
    """The way to a worker, where `serve` runs, as its driver holds it. An engine's info and tokenizer come first."""

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

    def again(self) -> Transport | None:
        """Another in the place of this one, which has ended; None where there is to be none."""
        ...


class Channel(Protocol):
    """The far side's end."""

    def send(self, message: Any) -> None: ...  # noqa: ANN401

    def recv(self) -> Any: ...  # noqa: ANN401


def serve(channel: Channel, load: Load, arguments: dict[str, Any]) -> None:
    """Load an engine and answer what comes over `channel`, until told to close or until nobody is there any more."""
    engine: Engine | None = None
    greeting: object
    try:
        engine = load(**arguments)
        greeting = engine.info, engine.tokenizer
    except Exception as error:
        greeting = error
    try:
        channel.send(greeting)
    except OSError:  # nobody waits for it any more
        return
    if engine is not None:
        asyncio.run(_answer(engine, channel))


def _refusal(engine: Engine, token: LearnedToken) -> UserError | None:
    try:
        engine.learn(token)
    except UserError as error:
        return error
    return None


async def _answer(engine: Engine, channel: Channel) -> None:
    loop, closing = asyncio.get_running_loop(), asyncio.Event()
    tasks: dict[int, asyncio.Task[None]] = {}
    finished: list[tuple[int, WorkerReply]] = []

    def flush() -> None:
        outcomes = finished.copy()
        finished.clear()
        with contextlib.suppress(OSError):  # nobody listens any more
            channel.send(("done", engine.busy_seconds, outcomes))

    async def answer(number: int, request: Request) -> None:
        outcome: WorkerReply
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
                channel.send(("learned", _refusal(engine, *about)))
            else:
                closing.set()

    def read() -> None:
        with contextlib.suppress(EOFError, OSError, RuntimeError):  # the driver is gone, or we are closing
            while True:
                loop.call_soon_threadsafe(take, channel.recv())
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(closing.set)

    threading.Thread(target=read, daemon=True).start()
    await closing.wait()
    await engine.close()
