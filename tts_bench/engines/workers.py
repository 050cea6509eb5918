"""One engine in each of several processes: what is asked goes to whichever has least to do.

Where a model is so small that Python takes longer than the arithmetic, threads do not help and processes do. The text
of a request does not depend on its neighbours, so it does not matter which process answers, nor how often one is asked.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import multiprocessing
import signal
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from queue import SimpleQueue
from typing import Any

from tts_bench.api import LearnedToken
from tts_bench.engines.base import Engine, EngineInfo, Generation, Request, Tokenizer, learned_id
from tts_bench.errors import EngineError, UserError

Load = Callable[..., Engine]
Outcome = Generation | Exception


@dataclass(eq=False)
class _Worker:
    process: BaseProcess
    pipe: Connection
    pending: set[int] = field(default_factory=set)
    outbox: list[Any] = field(default_factory=list)  # sent together, once a turn of the event loop
    busy: float = 0.0
    dead: bool = False


@dataclass
class _Asked:
    request: Request
    future: asyncio.Future[Generation]
    worker: _Worker


class Workers:
    """Implements `tts_bench.engines.base.Engine` over `count` processes.

    Raises:
        UserError: as `load` does, or a process ended before it was ready.
        EngineError: from `generate`, when no process is left.
    """

    def __init__(self, count: int, load: Load, **arguments: Any) -> None:  # noqa: ANN401 - whatever `load` takes
        """`load(**arguments)` gives each process its engine."""
        spawn = multiprocessing.get_context("spawn")  # a fork would copy locks that other threads hold
        self._workers: list[_Worker] = []
        for _ in range(count):
            ours, theirs = spawn.Pipe()
            process = spawn.Process(target=_serve, args=(theirs, load, arguments), daemon=True)
            process.start()
            theirs.close()
            self._workers.append(_Worker(process, ours))
        self._asked: dict[int, _Asked] = {}
        self._numbers = itertools.count()
        self._learned: SimpleQueue[Exception | None] = SimpleQueue()
        self._home: dict[tuple[int, ...], _Worker] = {}  # where a prompt's keys and values are
        try:
            infos = [self._greeting(worker) for worker in self._workers]
        except BaseException:
            self._end()
            raise
        self.info: EngineInfo = replace(
            infos[0],
            settings={**infos[0].settings, "workers": count},
            exact=all(info.exact for info in infos),
            exact_note=next((info.exact_note for info in infos if not info.exact), infos[0].exact_note),
        )
        self._readers = [threading.Thread(target=self._read, args=(worker,), daemon=True) for worker in self._workers]
        self._loop: asyncio.AbstractEventLoop | None = None
        for reader in self._readers:
            reader.start()

    def _greeting(self, worker: _Worker) -> EngineInfo:
        try:
            greeting = worker.pipe.recv()
        except EOFError:
            raise _ended(worker) from None
        if isinstance(greeting, Exception):
            raise greeting
        info: EngineInfo
        info, self._tokenizer = greeting
        return info

    @property
    def tokenizer(self) -> Tokenizer:
        tokenizer: Tokenizer = self._tokenizer
        return tokenizer

    @property
    def busy_seconds(self) -> float:
        """Of the process that was busy longest."""
        return max(worker.busy for worker in self._workers)

    def learn(self, token: LearnedToken) -> int:
        """Make `token` known to every process.

        Raises:
            UserError: it does not fit the model, or a process has ended.
        """
        for worker in self._workers:
            try:
                worker.pipe.send([("learn", token)])
            except OSError:
                raise _ended(worker) from None
        refused = [error for error in (self._learned.get() for _ in self._workers) if error]
        if refused:
            raise refused[0]
        return learned_id(token)

    async def generate(self, requests: Sequence[Request]) -> list[Generation]:
        """One generation for each request, in their order. Cancelling the call frees its rows.

        Raises:
            EngineError: no process is left.
        """
        self._loop = asyncio.get_running_loop()
        numbers = [self._ask(request) for request in requests]
        asked = [self._asked[number].future for number in numbers]
        try:
            return await asyncio.gather(*asked)
        finally:
            for number in numbers:
                if given_up := self._asked.pop(number, None):
                    given_up.worker.pending.discard(number)
                    self._send(given_up.worker, ("cancel", number))

    async def close(self) -> None:
        """End the processes. Requests in flight are cancelled."""
        await asyncio.to_thread(self._end)

    def _end(self) -> None:
        for worker in self._workers:
            worker.dead = True
            with contextlib.suppress(OSError):
                worker.pipe.send([("close",)])
        for worker in self._workers:
            worker.process.join(timeout=10)
            worker.process.kill()
            worker.process.join()

    def _ask(self, request: Request) -> int:
        number = next(self._numbers)
        worker = self._choose(request)
        assert self._loop is not None
        self._asked[number] = _Asked(request, self._loop.create_future(), worker)
        worker.pending.add(number)
        self._send(worker, ("ask", number, request))
        return number

    def _choose(self, request: Request) -> _Worker:
        home = self._home.get(request.prompt)
        if home is None or home.dead:
            living = [worker for worker in self._workers if not worker.dead]
            if not living:
                codes = ", ".join(str(worker.process.exitcode) for worker in self._workers)
                raise EngineError(f"all worker processes have ended (exit codes {codes})")
            home = self._home[request.prompt] = min(living, key=lambda worker: len(worker.pending))
        return home

    def _send(self, worker: _Worker, message: Any) -> None:  # noqa: ANN401
        if not worker.outbox and self._loop:
            self._loop.call_soon(self._flush, worker)
        worker.outbox.append(message)

    def _flush(self, worker: _Worker) -> None:
        messages, worker.outbox = worker.outbox, []
        with contextlib.suppress(OSError):  # its reader finds out, and gives its requests to another
            worker.pipe.send(messages)

    def _read(self, worker: _Worker) -> None:
        """The thread that listens to one process."""
        while True:
            try:
                verb, *about = worker.pipe.recv()
            except (EOFError, OSError):
                self._learned.put(_ended(worker))
                self._call(self._move, worker)
                return
            if verb == "learned":
                self._learned.put(*about)
            else:
                worker.busy, outcomes = about
                self._call(self._settle, outcomes)

    def _call(self, function: Callable[[Any], None], argument: Any) -> None:  # noqa: ANN401
        with contextlib.suppress(RuntimeError):  # the event loop has been closed: nobody waits
            if self._loop:
                self._loop.call_soon_threadsafe(function, argument)

    def _settle(self, outcomes: list[tuple[int, Outcome]]) -> None:
        for number, outcome in outcomes:
            asked = self._asked.pop(number, None)
            if asked is None or asked.future.done():
                continue
            asked.worker.pending.discard(number)
            if isinstance(outcome, Exception):
                asked.future.set_exception(outcome)
            else:
                asked.future.set_result(outcome)

    def _move(self, worker: _Worker) -> None:
        """A process has died: what it was asked is asked elsewhere."""
        worker.dead = True
        for number in sorted(worker.pending):
            asked = self._asked[number]
            try:
                asked.worker = self._choose(asked.request)
            except EngineError as error:
                self._settle([(number, error)])
                continue
            asked.worker.pending.add(number)
            self._send(asked.worker, ("ask", number, asked.request))
        worker.pending.clear()


def _ended(worker: _Worker) -> UserError:
    worker.process.join(timeout=5)  # for its exit code
    return UserError(
        f"a worker process ended with code {worker.process.exitcode} before it had anything to do; where memory was "
        "short, fewer need less. Type --workers 1."
    )


def _serve(pipe: Connection, load: Load, arguments: dict[str, Any]) -> None:
    """What a worker process does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process of a terminal; the parent decides
    try:
        engine = load(**arguments)
    except Exception as error:
        pipe.send(error)
        return
    pipe.send((engine.info, engine.tokenizer))
    asyncio.run(_answer(engine, pipe))


def _refusal(engine: Engine, token: LearnedToken) -> UserError | None:
    try:
        engine.learn(token)
    except UserError as error:
        return error
    return None


async def _answer(engine: Engine, pipe: Connection) -> None:
    loop, closing = asyncio.get_running_loop(), asyncio.Event()
    tasks: dict[int, asyncio.Task[None]] = {}
    finished: list[tuple[int, Outcome]] = []

    def flush() -> None:
        outcomes = finished.copy()
        finished.clear()
        with contextlib.suppress(OSError):  # nobody listens any more
            pipe.send(("done", engine.busy_seconds, outcomes))

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
                pipe.send(("learned", _refusal(engine, *about)))
            else:
                closing.set()

    def read() -> None:
        with contextlib.suppress(EOFError, OSError, RuntimeError):  # the parent is gone, or we are closing
            while True:
                loop.call_soon_threadsafe(take, pipe.recv())
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(closing.set)

    threading.Thread(target=read, daemon=True).start()
    await closing.wait()
    await engine.close()
