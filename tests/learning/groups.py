"""Processes that train together, started as a launcher would start them."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from tests import forked

ROOT = Path(__file__).parents[2]


def start(script: str, *arguments: object, size: int = 2) -> list[forked.Program]:
    """`size` processes of `script`, by rank."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    shared = {**os.environ, "WORLD_SIZE": str(size), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    return [forked.Program(script, *arguments, env={**shared, "RANK": str(rank)}) for rank in range(size)]


def ends(processes: list[forked.Program], timeout: float = 300) -> list[tuple[int, str, str]]:
    """Exit code, standard output and standard error of each; none outlives `timeout` seconds."""
    try:
        found = [process.wait(timeout) for process in processes]
    finally:
        for process in processes:
            process.kill()
    return [(done.returncode, done.stdout, done.stderr) for done in found]
