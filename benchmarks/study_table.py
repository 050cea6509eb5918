"""How long the table of a study of many runs takes: `python -m benchmarks.study_table`.

One scripted run is copied once per further seed, with that seed in its header: the reader opens, checks and pools as
many runs with as many records as in a real study. Each row times a fresh process: `table` reads all runs and makes the
table; `report` is `tts-bench study report` with comparisons, figures and page.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

STUDY = """\
seeds = {seeds}
tasks = ["pocket_arithmetic"]
limit = {problems}
strategies = [
    "baseline:budgets=16+64",
    "majority-vote:samples=8",
    "budget-forcing:cue=Wait",
    "budget-forcing:cue=Hmm",
]
out = "study"

[models.adder]
engine = "scripted"

[comparisons.cues]
left = "budget-forcing:cue=Wait"
right = "budget-forcing:cue=Hmm"
"""
TABLE = """
import sys
from pathlib import Path
from tts_bench.present.study import csv_of
from tts_bench.studies.file import read
from tts_bench.studies.results import StudyData
sys.stdout.buffer.write(csv_of(StudyData(read(Path("study")))))
"""


def make(place: Path, runs: int, problems: int) -> None:
    """A study of that many runs in `place`; all but the first are copies."""
    file = place / "study.toml"
    file.write_text(STUDY.format(seeds=[0], problems=problems))
    _tts_bench(place, "run", file)
    first = place / "study" / "parts" / "adder-0"
    for seed in range(1, runs):
        copy = Path(shutil.copytree(first, first.with_name(f"adder-{seed}")))
        header = json.loads((copy / "run.json").read_text())
        header["identity"]["seed"] = header["config"]["seed"] = seed
        (copy / "run.json").write_text(json.dumps(header))
    resolved = place / "study" / "study.toml"
    resolved.write_text(resolved.read_text().replace("seeds = [0]", f"seeds = {list(range(runs))}"))


def _tts_bench(place: Path, *words: object) -> None:
    command = [sys.executable, "-m", "tts_bench", "study", *map(str, words)]
    subprocess.run(command, cwd=place, check=True, capture_output=True)


def _spent(place: Path, words: Sequence[str]) -> tuple[float, float]:
    """CPU and wall seconds of a Python process with these arguments."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, *words], cwd=place, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, time.perf_counter() - start


def main() -> None:
    """Print the seconds of each; a busy machine increases wall seconds."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--problems", type=int, default=50)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        make(place, given.runs, given.problems)
        size = sum(path.stat().st_size for path in place.rglob("records.jsonl")) / 1e6
        print(f"{given.runs} runs of {given.problems} problems and 4 strategies, {size:.0f} MB of records")
        for name, words in {"table": ("-c", TABLE), "report": ("-m", "tts_bench", "study", "report", "study")}.items():
            cpu, clock = _spent(place, words)
            print(f"{name:7} {cpu:.1f} CPU s, {clock:.1f} s by the clock")


if __name__ == "__main__":
    main()
