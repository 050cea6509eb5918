"""Parts of a study in processes of their own: each imports what is heavy once, and one that dies fails one part."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from queue import SimpleQueue
from typing import IO

from tts_bench.records import Record
from tts_bench.studies import folder
from tts_bench.studies.part import Outcome, Watch, answered, asked, played
from tts_bench.studies.study import Part

# Without -P the folder of the command would come before the libraries.
_COMMAND = [sys.executable, "-P", "-c", "from tts_bench.studies.processes import serve; serve()"]


def spread(parts: Sequence[Part], ready: Callable[[Part], Part], watch: Watch, jobs: int) -> Iterator[Outcome]:
    """Play `parts`, each made `ready` when its turn comes, in `jobs` processes, and give what came of each as it ends.

    All processes end with this one, also where it is killed.
    """
    waiting: SimpleQueue[Part] = SimpleQueue()
    for part in parts:
        waiting.put(part)
    said: SimpleQueue[Part | Outcome | BaseException] = SimpleQueue()
    workers = [_Worker(waiting, ready, said) for _ in range(min(jobs, len(parts)))]
    for worker in workers:
        worker.start()
    try:
        left = len(parts)
        while left:
            heard = said.get()
            if isinstance(heard, BaseException):
                raise heard
            if isinstance(heard, Part):
                watch.begun(heard)
                continue
            watch.ended(heard)
            left -= 1
            yield heard
    finally:
        for worker in workers:
            worker.end()


class _Worker(threading.Thread):
    """A thread that has a process, and another one where that has died."""

    def __init__(
        self,
        waiting: SimpleQueue[Part],
        ready: Callable[[Part], Part],
        said: SimpleQueue[Part | Outcome | BaseException],
    ) -> None:
        super().__init__(daemon=True)
        self._waiting, self._ready, self._said = waiting, ready, said
        self._process: subprocess.Popen[bytes] | None = None
        self._ending = False

    def run(self) -> None:
        try:
            while not self._ending:
                part = self._waiting.get_nowait()
                self._said.put(part)
                self._said.put(self._outcome(self._ready(part)))
        except queue.Empty:
            pass
        except BaseException as error:
            self._said.put(error)

    def _outcome(self, part: Part) -> Outcome:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(_COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps({**asked(part), "argv": sys.argv}).encode() + b"\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = b""
        if line.endswith(b"\n"):
            return Outcome(part, **json.loads(line))
        code = process.wait()
        why = f"signal {-code}, which the system sends where memory is short" if code == -9 else f"code {code}"
        message = f"its process ended with {why}. Repeat the command to run it again."
        folder.failed(part, message)
        return Outcome(part, message=message)

    def end(self) -> None:
        self._ending = True
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def serve() -> None:
    """Play the parts that are asked for on standard input; what a library prints goes to standard error."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    lines: SimpleQueue[bytes] = SimpleQueue()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process of a terminal; the parent decides
    threading.Thread(target=_listen, args=(sys.stdin.buffer, lines), daemon=True).start()
    while True:
        question = json.loads(lines.get())
        sys.argv = question["argv"]  # a run writes down the command that was typed
        try:
            outcome = played(answered(question), lambda run: nullcontext(_Quiet()))
            said = {"errors": outcome.errors, "message": outcome.message}
        except OSError as error:  # a full disk: the next part tries again
            said = {"message": str(error)}
        replies.write(json.dumps(said).encode() + b"\n")
        replies.flush()


def _listen(file: IO[bytes], lines: SimpleQueue[bytes]) -> None:
    """Hand on what is asked; whoever asked is gone where nothing more can come, and then so is this process."""
    for line in iter(file.readline, b""):
        lines.put(line)
    os._exit(1)


class _Quiet:
    """A run's progress that nobody looks at."""

    def stage(self, text: str) -> None:
        pass

    def problem_done(self) -> None:
        pass

    def answered(self, strategy: str, correct: float | None, record: Record) -> None:
        pass

    def tokens(self, n: int) -> None:
        pass
