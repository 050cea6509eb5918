"""Processor time of other processes, in units that a busy or throttled machine does not change."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Callable

_LIBRARIES = "import asyncio, importlib.metadata, json, typer"  # what any command of a program like ours loads


def starts(run: Callable[[], object]) -> float:
    """How many starts of Python with typer `run` takes: the least of five, tried in turn."""
    return min(_spent(run) / _spent(_start) for _ in range(5))


def _start() -> None:
    subprocess.run([sys.executable, "-c", _LIBRARIES], check=True)


def _spent(run: Callable[[], object]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
