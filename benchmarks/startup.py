"""How soon the command line answers where no model is needed, and how soon a run of the pocket model is done.

The minimum over several rounds, each with every command in turn, so that a busy machine slows all of them alike. The
first row is a bare start of Python with typer. Runs begin with an empty store and a cached self-test.

    python -m benchmarks.startup [--rounds 10] [--runs 3]
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import os
import resource
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

OURS = ("-c", "from tts_bench.cli.main import main; main()")
COMMANDS: dict[str, Sequence[str]] = {
    "python with typer": ("-c", "import asyncio, importlib.metadata, json, typer"),
    "tts-bench --version": (*OURS, "--version"),
    "tts-bench --help": (*OURS, "--help"),
    "tts-bench strategies": (*OURS, "strategies"),
    "tts-bench run --model smollm": (*OURS, "run", "--model", "smollm"),
    "tts-bench run --strategy nope": (*OURS, "run", "--strategy", "nope"),
}
RUNS: dict[str, Sequence[str]] = {
    f"tts-bench run --limit {limit}": ("-m", "tts_bench", "run", "--limit", str(limit)) for limit in (1, 50)
}
_PR_SET_CHILD_SUBREAPER = 36


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    if sys.platform == "linux":  # forks of a forked process are counted, too
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    table = Table("command", "CPU s", "s by the clock")
    for commands, rounds in ((COMMANDS, given.rounds), (RUNS, given.runs)):
        for name, spent in _least(commands, rounds).items():
            table.add_row(name, *(f"{seconds:.2f}" for seconds in spent))
    Console().print(table)


def _least(commands: Mapping[str, Sequence[str]], rounds: int) -> dict[str, list[float]]:
    """The minimum CPU and wall seconds of each command."""
    found = [{name: _spent(arguments) for name, arguments in commands.items()} for _ in range(rounds)]
    return {name: [min(spent[name][kind] for spent in found) for kind in (0, 1)] for name in commands if found}


def _spent(arguments: Sequence[str]) -> tuple[float, float]:
    """CPU and wall seconds of a Python process with these arguments."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    with TemporaryDirectory() as folder:
        subprocess.run([sys.executable, *arguments], cwd=folder, capture_output=True, check=False)
    taken = time.perf_counter() - start
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, taken


if __name__ == "__main__":
    main()
