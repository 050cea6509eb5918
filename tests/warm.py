"""The command `tts-bench` of an environment, run in forks of one process that has imported the heavy libraries.

`put` writes a small program in the command's place. It hands its words, folder, variables, `sys.path` and standard
streams to the warm process, and ends as the fork does. What a fresh start of the command has to show is tried without.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import socket
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn, Protocol

_CLIENT = """\
#!{python}
import json, os, socket, sys
asked = {{"argv": sys.argv, "path": sys.path, "cwd": os.getcwd(), "environ": dict(os.environ)}}
asked |= {{name: getattr(sys, name) for name in ("executable", "prefix", "exec_prefix")}}
asked["editable"] = [name for name in sys.modules if name.startswith("__editable__")]
with socket.socket(socket.AF_UNIX) as line:
    line.connect({address!r})
    socket.send_fds(line, [b"."], [0, 1, 2])
    line.sendall(json.dumps(asked).encode())
    line.shutdown(socket.SHUT_WR)
    sys.exit(int(line.recv(8) or 1))
"""


class Killable(Protocol):
    """A process, however it was started."""

    def kill(self) -> None: ...


def put(script: Path, python: Path, address: Path) -> None:
    """Write the program that has `tts-bench` run by the warm process at `address`."""
    script.write_text(_CLIENT.format(python=python, address=str(address)))
    script.chmod(0o755)


@contextmanager
def started(start: Callable[[Path], Killable]) -> Iterator[Path]:
    """The address of a warm process that `start` starts, given that address; it ends with the context."""
    with tempfile.TemporaryDirectory(prefix="warm") as place:  # a socket's address has to be short
        address, deadline = Path(place, "door"), time.monotonic() + 120
        process = start(address)
        try:
            while not address.exists():
                assert time.monotonic() < deadline, "no warm process"
                time.sleep(0.05)
            yield address
        finally:
            process.kill()


def serve(address: str, first: Callable[[], None]) -> NoReturn:
    """Run what the programs of `put` ask for, each in a fork, until this process is killed or left alone.

    Every program does `first` before anything else.
    """
    parent = os.getppid()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # so that what has ended is gone
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(f"{address}.new")
        door.listen()
        door.settimeout(1)
        os.rename(f"{address}.new", address)  # there from when it answers
        while os.getppid() == parent:
            try:
                line, _ = door.accept()
            except TimeoutError:
                continue
            with line:
                if not os.fork():
                    door.close()
                    _answer(line, first)
    os._exit(0)


def _answer(line: socket.socket, first: Callable[[], None]) -> NoReturn:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    line.settimeout(None)
    _, streams, _, _ = socket.recv_fds(line, 1, 3)
    asked = json.loads(b"".join(iter(lambda: line.recv(1 << 16), b"")))
    child = os.fork()
    if not child:
        line.close()
        _become(asked, streams, first)
    for stream in streams:
        os.close(stream)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    line.sendall(str(code if code >= 0 else 128 - code).encode())
    os._exit(0)


def _become(asked: dict[str, Any], streams: list[int], first: Callable[[], None]) -> NoReturn:
    """Be the command that was typed, from its words to its exit code."""
    sys.stdin, sys.stdout, sys.stderr = (os.fdopen(number, mode) for number, mode in enumerate("rww"))
    for number, stream in enumerate(streams):  # now: the old sys.stdout has closed its own just above
        os.dup2(stream, number)
        os.close(stream)
    sys.argv, sys.path = asked["argv"], asked["path"]
    for name in ("executable", "prefix", "exec_prefix"):
        setattr(sys, name, asked[name])
    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(asked["environ"])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    importlib.invalidate_caches()
    for name in asked["editable"]:  # finders of packages that are installed by `pip install -e`
        importlib.import_module(name).install()
    first()
    code = 1
    try:
        from tts_bench.cli.main import main

        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
