"""vLLM's processes end with the one that started them, also where that one is killed: vLLM's own core would stay."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time

_STARTER = "TTS_BENCH_VLLM_STARTER"  # in the environment of vLLM's processes
_PAUSE = 0.5  # seconds


def announce() -> None:
    """Make this process the one whose end is waited for, in the processes that it starts."""
    os.environ[_STARTER] = str(os.getpid())


def end_with_starter() -> None:
    """In a process of vLLM's: end it, and the one between, when the one that called `announce` has ended."""
    starter, parent = int(os.environ[_STARTER]), os.getppid()
    threading.Thread(target=_wait, args=(starter, parent), name="guard", daemon=True).start()


def _wait(starter: int, parent: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        while True:
            os.kill(starter, 0)  # asks only whether it is there
            time.sleep(_PAUSE)
    if parent != starter and os.getppid() == parent:
        os.kill(parent, signal.SIGKILL)
    os._exit(1)
