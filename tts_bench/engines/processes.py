"""An engine in each of several processes of this machine. Where it is, this one imports no transformers for it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from functools import cache
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tts_bench.engines.environment import of_libraries
from tts_bench.engines.transport import Load, serve
from tts_bench.engines.workers import Workers
from tts_bench.errors import UserError

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerContext, SpawnContext

_UNGUARDED = 86  # exit code of a worker that would start workers while it imports the script


class Process:
    """Implements `tts_bench.engines.transport.Transport`. One that dies is not replaced: mostly memory was short."""

    def __init__(self, load: Load, arguments: dict[str, Any], warm: str = "") -> None:
        if getattr(multiprocessing.current_process(), "_inheriting", False):
            # This is a worker that runs the script anew, up to where the script starts workers: it has no guard.
            os._exit(_UNGUARDED)
        context = _context(warm)
        self._pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, load, arguments, dict(os.environ)), daemon=True)
        with _deaf():
            self.process.start()
        theirs.close()
        self._joining = threading.Lock()  # of two threads that wait for its end, one would find no exit code

    def send(self, messages: list[Any]) -> None:
        self._pipe.send(messages)

    def receive(self) -> Any:  # noqa: ANN401
        return self._pipe.recv()

    def end(self) -> None:
        self._joined(10)
        self.process.kill()
        self._joined(None)

    def ending(self) -> str:
        code = self._joined(5)
        if code == _UNGUARDED:
            script = getattr(sys.modules["__main__"], "__file__", None)
            raise UserError(
                f"{Path(script).name if script else 'the script'} runs again in each worker process, which imports it. "
                "Put its work under if __name__ == '__main__': and keep only imports and definitions outside."
            )
        return f"a worker process ended with code {code}"

    def _joined(self, timeout: float | None) -> int | None:
        with self._joining:
            self.process.join(timeout)
            return self.process.exitcode

    def again(self) -> None:
        return None


class Beginning:
    """Processes that are on their way. Nobody has to wait for them, as long as they are not needed."""

    def __init__(self, make: Callable[[], list[Process]]) -> None:
        self._made: Future[list[Process]] = Future()
        threading.Thread(target=self._make, args=(make,), daemon=True).start()

    def _make(self, make: Callable[[], list[Process]]) -> None:
        try:
            self._made.set_result(make())
        except BaseException as error:
            self._made.set_exception(error)

    def workers(self) -> Workers:
        """Wait until their engines are loaded.

        Raises:
            UserError: as an engine does while it loads, or a process ended before it was ready.
        """
        return Workers(self._made.result())

    def close(self) -> None:
        """End them, as soon as they are there."""
        self._made.add_done_callback(_killed)


def _killed(made: Future[list[Process]]) -> None:
    for each in () if made.exception() else made.result():
        each.process.kill()


def begin(count: int, load: Load, *, warm: str = "", **arguments: Any) -> Beginning:
    """`count` processes, each of which loads the engine that `load(**arguments)` gives it.

    `warm` names a module whose import takes seconds: where it can be, it is imported once for all of them.
    """
    return Beginning(lambda: [Process(load, arguments, warm) for _ in range(count)])


def start(count: int, load: Load, **arguments: Any) -> Workers:
    """`count` processes, each with the engine that `load(**arguments)` gives it.

    Raises:
        UserError: as `Beginning.workers`.
    """
    return begin(count, load, **arguments).workers()


def _context(warm: str) -> SpawnContext | ForkServerContext:
    """Fresh processes, or forks of one that has imported the module `warm` and does nothing else.

    A fork of this process would copy locks that other threads hold. Libraries read the environment when they are
    imported: where it has changed since then, processes are fresh. They are on macOS, whose libraries forbid forks.
    """
    if not warm or sys.platform != "linux" or _first_environment() != of_libraries():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([warm])
    return context


@cache
def _first_environment() -> dict[str, str]:
    """What the libraries of the process that is forked from have read: what it was when this was first asked."""
    return of_libraries()


@contextmanager
def _deaf() -> Iterator[None]:
    """Ctrl-C reaches every process of a terminal. What starts in here does not hear it, whatever it is importing."""
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # which would unblock the signal, if it were started in here
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(pipe: Connection, load: Load, arguments: dict[str, Any], environment: dict[str, str]) -> None:
    os.environ.clear()  # a fork has that of the process it was forked from
    os.environ.update(environment)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process of a terminal; the parent decides
    serve(pipe, load, arguments)
