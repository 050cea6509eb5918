"""Coverage of the intervals and false positives of the test, over sizes of a run.

python -m benchmarks.coverage [--runs 1.0] [--workers 2]

Each run draws problems from a known distribution of difficulty and answers to them, and calls the functions behind the
commands: `points.grid_points` for an accuracy's interval (table, curve.json, plot, report), `compare` for a
difference's interval and test. False positives come from two equal strategies, coverage from a better one.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np

from tts_bench.analysis.arrays import Floats
from tts_bench.analysis.compare import compare
from tts_bench.analysis.points import grid_points
from tts_bench.analysis.series import Series, pool_seeds
from tts_bench.analysis.table import Grid
from tts_bench.measures import columns

SPREAD = 2.0  # of Beta(SPREAD p, SPREAD (1 - p)), a problem's chance of a right answer
GAIN = 0.2  # the better strategy turns this share of wrong answers into right ones
RUNS = {30: 300, 100: 300, 300: 200, 1000: 100}  # of pairs; the interval of one accuracy is cheaper
SINGLE = 1000


@dataclass(frozen=True)
class Cell:
    """Runs of one size; `mean` is the accuracy over the population of problems, None for a random one of 5 to 95%."""

    problems: int
    repeats: int
    seeds: int
    mean: float | None = 0.3


@dataclass(frozen=True)
class Found:
    """Shares of runs in which something holds."""

    accuracy: float  # the interval of an accuracy covers it
    difference: float  # the interval of a difference covers it
    false: float  # two equal strategies differ significantly, p < 0.05


CELLS = [
    Cell(problems, repeats, seeds) for problems in RUNS for repeats, seeds in ((1, 1), (4, 1), (16, 1), (1, 5), (16, 5))
] + [Cell(problems, repeats, 1, mean) for mean in (0.05, 0.9, None) for problems in (30, 300) for repeats in (1, 16)]


def measured(cell: Cell, runs: int, single: int = SINGLE) -> Found:
    """The shares over `runs` pairs and `single` runs; they depend only on the cell and on these numbers."""
    rng = np.random.default_rng([cell.problems, cell.repeats, cell.seeds, round(100 * (cell.mean or 0))])
    alone, pairs = 0, np.zeros(2)
    for _ in range(single):
        mean, chances = _chances(cell, rng)
        [point] = grid_points("baseline", _series("baseline", chances, cell, rng).grids["t"], expected=True)
        assert point.low is not None
        assert point.high is not None
        alone += point.low <= mean <= point.high
    for _ in range(runs):
        mean, chances = _chances(cell, rng)
        truth = GAIN * (1 - mean)
        first, twin = (_series(name, chances, cell, rng) for name in ("baseline", "same"))
        better = _series("better", chances + GAIN * (1 - chances), cell, rng)
        [gain] = compare([first, better], resamples=1000, seed=int(rng.integers(1 << 30))).statements
        [none] = compare([first, twin], resamples=1000, seed=int(rng.integers(1 << 30))).statements
        pairs += gain.low <= truth <= gain.high, none.significant
    return Found(alone / single, *(pairs / runs).tolist())


def _chances(cell: Cell, rng: np.random.Generator) -> tuple[float, Floats]:
    """The true accuracy, and the chance of each problem drawn."""
    mean = rng.uniform(0.05, 0.95) if cell.mean is None else cell.mean
    return mean, rng.beta(SPREAD * mean, SPREAD * (1 - mean), cell.problems)


def _series(name: str, chances: Floats, cell: Cell, rng: np.random.Generator) -> Series:
    return Series(name, name, 0, {"t": pool_seeds([_grid(name, chances, cell, rng) for _ in range(cell.seeds)])})


def _grid(name: str, chances: Floats, cell: Cell, rng: np.random.Generator) -> Grid:
    """A seed's grid, repeats averaged as `table.GridBuilder` does it."""
    scores = (rng.binomial(cell.repeats, chances) / cell.repeats)[:, None]
    values = dict.fromkeys((row.name for row in columns()), np.ones_like(scores))
    return Grid("t", name, "s", tuple(range(cell.problems)), ("",) * cell.problems, ("1",), values, {"s": scores}, None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--runs", type=float, default=1.0, help="times the number of runs of each cell: 10 tells tenths of a per cent"
    )
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    alone = [max(100, round(given.runs * SINGLE))] * len(CELLS)
    sizes = [max(20, round(given.runs * RUNS[cell.problems])) for cell in CELLS]
    print("| problems | repeats | seeds | accuracy | its interval | a difference's | false positives | pairs |")
    print("|--:|--:|--:|--:|--:|--:|--:|--:|")
    with ProcessPoolExecutor(given.workers, get_context("spawn")) as pool:
        for cell, runs, found in zip(CELLS, sizes, pool.map(measured, CELLS, sizes, alone), strict=True):
            shares = " | ".join(f"{100 * share:.1f}" for share in (found.accuracy, found.difference, found.false))
            mean = "5 to 95%" if cell.mean is None else f"{100 * cell.mean:.0f}%"
            size = f"{cell.problems:,} | {cell.repeats} | {cell.seeds} | {mean}"
            print(f"| {size} | {shares} | {runs:,} |", flush=True)


if __name__ == "__main__":
    main()
