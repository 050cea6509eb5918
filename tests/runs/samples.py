"""Small data and runs without a screen, for tests of the harness."""

from __future__ import annotations

import io
import json
from pathlib import Path

from rich.console import Console

from tts_bench.present.progress import Progress
from tts_bench.runs.run import Run, RunResult


def write_sums(folder: Path, count: int = 12) -> Path:
    """A data folder with `count` rows of gsm8k that the script `adder` can add up; returns `folder`."""
    (folder / "gsm8k").mkdir(parents=True)
    rows = [{"question": f"What is {n} and {n + 3}?", "answer": f"So.\n#### {2 * n + 3}"} for n in range(1, count + 1)]
    (folder / "gsm8k" / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def execute(run: Run) -> RunResult:
    """All of a run, shown to nobody."""
    with Progress(len(run.items), list(run.labels.values()), Console(file=io.StringIO())) as progress:
        return run.execute(progress)
