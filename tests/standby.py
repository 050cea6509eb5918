"""The process that engines are forked from, for programs that were forked themselves: it is forked as well.

Such a program has torch already. The fork server of multiprocessing is a fresh interpreter, which takes seconds of a
processor to import it again. What a fresh server has to show is tried with a fresh program.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Sequence
from multiprocessing import forkserver, util
from typing import Any, NoReturn

_ASKED = re.compile(r"from multiprocessing\.forkserver import main; main\((\d+), (\d+), ")


def stand_by() -> None:
    """Keep a fork of this process for the first fork server that multiprocessing starts.

    To be called while there is one thread: a fork would hold the locks of others for ever.
    """
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if not pid:
        ours.close()
        _serve(theirs)
    theirs.close()
    library: Any = util
    fresh, kept = library.spawnv_passfds, [pid]

    def start(path: bytes, words: Sequence[str], passed: Sequence[int]) -> int:
        asked = _ASKED.match(words[-1])
        if not asked or not kept or "authkey" in words[-1]:  # which Python 3.14 hands over in a pipe of its own
            started: int = fresh(path, words, passed)
            return started
        with ours:
            socket.send_fds(ours, [b"."], [int(number) for number in asked.groups()])
        return kept.pop()

    library.spawnv_passfds = start


def _serve(line: socket.socket) -> NoReturn:
    """Wait until there is something to do, or nobody who could ask for it."""
    code = 1
    try:
        with line:
            _, numbers, _, _ = socket.recv_fds(line, 1, 2)
        if numbers:
            listener, alive = numbers
            forkserver.main(listener, alive, [])
    except SystemExit:
        code = 0
    finally:
        os._exit(code)
