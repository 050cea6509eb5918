"""How the harness's own cost grows with problems, extensions and samples, and whether memory and speed stay constant.

On the scripted engine, with generation store and records on disk. Growth: CPU seconds of a whole run (generating,
scoring, writing, plotting) against each size, and the exponent of a line fitted to their logarithms. The fixed part of
a run matters less as sizes grow, so the exponent over the upper half of the sizes is shown beside it. Steadiness: one
run of 10,000 problems, with resident memory and problems per CPU second at each thousand, and the peak memory of the
process after scoring.

    OMP_NUM_THREADS=1 python -m benchmarks.scaling [--part problems|extensions|samples|steady]
"""

from __future__ import annotations

import argparse
import io
import os
import resource
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
from rich.console import Console

from benchmarks.apples import write_apples
from tts_bench.config import ModelConfig, RunConfig
from tts_bench.present.progress import Progress
from tts_bench.runs.run import Run, prepare

GROWTH, MEMORY, RATE = 1.0, 50.0, 0.9  # exponent and MB at most, share of the first thousand's rate at least
TOLERANCE = 0.05  # tolerance of an exponent: machine noise around a straight line
SIZES = {
    "problems": [100, 300, 1000, 3000, 10_000],
    "extensions": [1, 2, 4, 8, 16],
    "samples": [1, 4, 16, 64, 256],
}


def ready(problems: int, strategy: str, folder: Path) -> Run:
    data = write_apples(problems, folder)
    return prepare(RunConfig(ModelConfig(engine="scripted"), ("gsm8k",), (strategy,), data_dir=data), folder / "run")


class Marks(Progress):
    """Records CPU seconds and resident memory at each thousand problems."""

    def __init__(self, run: Run, every: int = 1000) -> None:
        super().__init__(len(run.items), list(run.labels.values()), Console(file=io.StringIO()))
        self.marks: list[tuple[float, float]] = [(time.process_time(), resident())]
        self._every, self._count = every, 0

    def problem_done(self) -> None:
        super().problem_done()
        self._count += 1
        if self._count % self._every == 0:
            self.marks.append((time.process_time(), resident()))


def resident() -> float:
    """Megabytes of memory that this process has."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def cost(problems: int, strategy: str) -> float:
    """CPU seconds of generating, scoring and writing."""
    with tempfile.TemporaryDirectory() as scratch:
        run = ready(problems, strategy, Path(scratch))
        with Marks(run) as progress:
            began = time.process_time()
            run.execute(progress)
            return time.process_time() - began


def exponent(sizes: list[int], costs: list[float]) -> float:
    return float(np.polyfit(np.log(sizes), np.log(costs), 1)[0])


def grow(part: str, repeats: int) -> bool:
    sizes, costs = SIZES[part], []
    for size in sizes:
        of = {
            "problems": (size, "budget-forcing:extensions=1"),
            "extensions": (100, f"budget-forcing:extensions={size}"),
            "samples": (20, f"majority-vote:samples={size}"),
        }[part]
        costs.append(min(cost(*of) for _ in range(repeats if size < 10_000 else 1)))
    whole, upper = exponent(sizes, costs), exponent(sizes[-3:], costs[-3:])
    print(
        f"| {part} | " + " | ".join(f"{size:,}: {spent:.3f}" for size, spent in zip(sizes, costs, strict=True)), end=""
    )
    print(f" | {whole:.2f} | {upper:.2f} |", flush=True)
    return upper <= GROWTH + TOLERANCE


def steady(problems: int) -> bool:
    with tempfile.TemporaryDirectory() as scratch:
        run = ready(problems, "budget-forcing:extensions=1", Path(scratch))
        with Marks(run) as progress:
            run.execute(progress)
    rates = [1000 / (after - before) for (before, _), (after, _) in pairwise(progress.marks)]
    memory = [megabytes for _, megabytes in progress.marks[1:]]
    print("\n| thousand | problems per CPU s | memory, MB |\n|---|---|---|")
    for number, (rate, megabytes) in enumerate(zip(rates, memory, strict=True)):
        print(f"| {number + 1} | {rate:.0f} | {megabytes:.0f} |")
    grown, kept = memory[-1] - memory[0], rates[-1] / rates[0]
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(f"\nMemory grew by {grown:.1f} MB, the last thousand's rate is {kept:.2f} of the first's; ", end="")
    print(f"when all was scored, the most had been {most:.0f} MB.", flush=True)
    return grown <= MEMORY and kept >= RATE


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=[*SIZES, "steady"], action="append")
    parser.add_argument("--repeats", type=int, default=3, help="of each size but 10,000; the quickest counts")
    parser.add_argument("--problems", type=int, default=10_000, help="of the steady run")
    given = parser.parse_args()
    parts = given.part or [*SIZES, "steady"]
    good = [steady(given.problems)] if "steady" in parts else []  # first: its memory is a fresh process's
    print("\n| grows | size: CPU s | | | | | exponent | of the last three |\n|---|---|---|---|---|---|---|---|")
    cost(2, "baseline")  # what is imported on first use
    good += [grow(part, given.repeats) for part in parts if part != "steady"]
    sys.exit(not all(good))


if __name__ == "__main__":
    main()
