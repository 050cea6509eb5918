"""How soon the command line answers where no model is needed, beside a bare start of Python with typer.

The least of ten rounds, each of every command in turn: a busy machine slows all of them alike.

    python -m benchmarks.startup
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

ROUNDS = 10
OURS = ("-c", "from tts_bench.cli.main import main; main()")
COMMANDS: dict[str, Sequence[str]] = {
    "python with typer": ("-c", "import asyncio, importlib.metadata, json, typer"),
    "tts-bench --version": (*OURS, "--version"),
    "tts-bench --help": (*OURS, "--help"),
    "tts-bench strategies": (*OURS, "strategies"),
    "tts-bench run --model smollm": (*OURS, "run", "--model", "smollm"),
    "tts-bench run --strategy nope": (*OURS, "run", "--strategy", "nope"),
}


def main() -> None:
    """Print the table."""
    rounds = [{name: _spent(arguments) for name, arguments in COMMANDS.items()} for _ in range(ROUNDS)]
    table = Table("command", "CPU s", "s by the clock")
    for name in COMMANDS:
        table.add_row(name, *(f"{min(spent[name][kind] for spent in rounds):.2f}" for kind in (0, 1)))
    Console().print(table)


def _spent(arguments: Sequence[str]) -> tuple[float, float]:
    """Seconds of processor time and of the clock that a process with these arguments of Python takes."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, *arguments], capture_output=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, time.perf_counter() - start


if __name__ == "__main__":
    main()
