"""How long the leaderboard takes with 10,000 problems x 4 strategies x 5 rungs, each command in a fresh process.

The records are those of `benchmarks/analysis.py`. Exit code 1 if build or check takes more than 20 s or 1 GB.

    python -m benchmarks.leaderboard [--problems 10000]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.analysis import STRATEGIES, record
from tts_bench.analysis.curve import write_curve
from tts_bench.analysis.points import points
from tts_bench.analysis.runs import read_header, read_records
from tts_bench.records import to_line

SECONDS, MEMORY = 20.0, 1e9  # at most
SAMPLING = {"temperature": 1.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0}


def write_run(folder: Path, problems: int) -> None:
    """The folder of a finished run."""
    folder.mkdir()
    settings = {
        "thinking_format": {"name": "made-up"},
        "sampling": {"thinking": SAMPLING},
        "max_thinking_tokens": 1000,
        "max_answer_tokens": 100,
        "system": None,
        "seed": 0,
    }
    identity = {
        "strategies": list(STRATEGIES),
        "sources": dict.fromkeys(STRATEGIES, "made up"),
        "tasks": ["made-up"],
        "limit": None,
        "data": {"made-up": "d" * 64},
        "model": "m" * 64,
        "engine": {"engine": "none"},
    }
    header: dict[str, Any] = {
        "schema": 1,
        "status": "finished",
        "errors": 0,
        "identity": identity | settings,
        "model": {"name": "made-up", "fingerprint": "m" * 64, "source": "nowhere", "parameters": 1, "notes": []},
        **settings,
        "data": {"made-up": {"sha256": "d" * 64, "documents": problems}},
        "metrics": {"made-up": "strict"},
        "labels": {},
        "command": "tts-bench run",
        "versions": {"tts-bench": "0"},
    }
    (folder / "run.json").write_text(json.dumps(header))
    with (folder / "records.jsonl").open("w") as file:
        for doc in range(problems):
            file.writelines(to_line(record(strategy, doc, "x" * 200)) for strategy in STRATEGIES)
    curve = points(read_records(folder, read_header(folder)), metrics=header["metrics"])
    write_curve(folder / "curve.json", curve, {})


def measured(*arguments: str) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds and peak memory in bytes of a command in its own process."""
    started = time.perf_counter()
    code = "import sys, os; sys.stdout = open(os.devnull, 'w'); from tts_bench.cli.main import main; main()"
    process = os.posix_spawn(sys.executable, [sys.executable, "-c", code, "leaderboard", *arguments], os.environ)
    _, status, usage = os.wait4(process, 0)
    if status:
        raise SystemExit(f"leaderboard {' '.join(arguments)} failed")
    return time.perf_counter() - started, usage.ru_utime + usage.ru_stime, 1024.0 * usage.ru_maxrss


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", type=int, default=10_000)
    given = parser.parse_args()
    missed = False
    with tempfile.TemporaryDirectory() as place:
        run, board = Path(place) / "run", f"{place}/board"
        write_run(run, given.problems)
        print("| command | wall s | CPU s | memory, MB |\n|---|---|---|---|")
        for verb, *rest in (("add", str(run)), ("build",), ("check",)):
            wall, cpu, memory = measured(verb, *rest, "--folder", board)
            print(f"| {verb} | {wall:.1f} | {cpu:.1f} | {memory / 1e6:.0f} |")
            missed |= verb != "add" and (wall > SECONDS or memory > MEMORY)
        entry = next((Path(board) / "entries").iterdir()).stat().st_size
        print(f"{given.problems} problems, records {(run / 'records.jsonl').stat().st_size / 1e6:.0f} MB, ", end="")
        print(f"entry {entry / 1e6:.1f} MB")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
