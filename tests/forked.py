"""Programs in processes of their own, forked from one that has imported the heavy libraries: seconds less for each.

What a fresh start of Python itself has to show is tried with `subprocess`.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from multiprocessing import resource_tracker
from pathlib import Path

from tests.standby import stand_by

MAIN = "from tts_bench.cli.main import main; main()"
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.libraries"])


class Program:
    """Like `subprocess.Popen`: `code` as the main program with `arguments`, its words in two files."""

    def __init__(
        self, code: str, *arguments: object, cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> None:
        self._said = tempfile.TemporaryDirectory(prefix="program")  # removed with this object
        self._folder = Path(self._said.name)
        words = ["-c", *map(str, arguments)]
        given = (code, words, str(cwd or Path.cwd()), dict(os.environ if env is None else env), self._folder)
        self._process = CONTEXT.Process(target=_play, args=given)
        # The first program starts the fork server of this process, from which workers of engines may be forked too: as
        # one that they start themselves, it does not hear Ctrl-C.
        resource_tracker.ensure_running()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        self._process.start()
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    @property
    def stdout(self) -> str:
        return (self._folder / "1").read_text() if (self._folder / "1").exists() else ""

    @property
    def stderr(self) -> str:
        return (self._folder / "2").read_text() if (self._folder / "2").exists() else ""

    def send(self, sent: signal.Signals) -> None:
        os.kill(self._process.pid or 0, sent)

    def kill(self) -> None:
        self._process.kill()
        self._process.join()

    def wait(self, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        """What came of it.

        Raises:
            TimeoutError: it did not end within `timeout` seconds, and was killed.
        """
        self._process.join(timeout)
        if self.returncode is None:
            self.kill()
            raise TimeoutError(self.stdout + self.stderr)
        return subprocess.CompletedProcess([], self.returncode, self.stdout, self.stderr)


def run(
    code: str,
    *arguments: object,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float = 300,
) -> subprocess.CompletedProcess[str]:
    """What came of `code`."""
    return Program(code, *arguments, cwd=cwd, env=env).wait(timeout)


def server(address: Path) -> Program:
    """A warm process of this environment: tests/warm.py."""
    code = "import sys\nfrom tests.standby import stand_by\nfrom tests.warm import serve\nserve(sys.argv[1], stand_by)"
    return Program(code, address)


def _play(code: str, words: list[str], cwd: str, env: dict[str, str], folder: Path) -> None:
    for stream in (1, 2):
        os.dup2(os.open(folder / str(stream), os.O_WRONLY | os.O_CREAT), stream)
    sys.stdout, sys.stderr = (os.fdopen(stream, "w", buffering=1) for stream in (1, 2))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = words
    stand_by()
    exec(compile(code, "<program>", "exec"), {"__name__": "__main__"})
