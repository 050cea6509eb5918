"""Intervals hold the truth as often as they say: counted over every outcome, not simulated."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binom, multinomial, norm, t

from benchmarks.coverage import Cell, measured
from tests.analysis.made_up import answer, record
from tts_bench.analysis.bootstrap import difference_interval, resampled_means
from tts_bench.analysis.curve import wilson
from tts_bench.analysis.points import points, share_interval

SIZES = (30, 200, 1319)


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("p", [0.05, 0.5, 0.95])
def test_wilson_intervals_hold_the_truth_in_93_5_to_97_of_100(n: int, p: float) -> None:
    right = np.arange(n + 1)
    low, high = np.array([wilson(count / n, n) for count in right]).T
    assert 0.935 <= binom.pmf(right, n, p)[(low <= p) & (p <= high)].sum() <= 0.97


@pytest.mark.parametrize(("n", "runs"), [(30, 4000), (200, 3000), (1319, 2000)])
@pytest.mark.parametrize("p", [0.05, 0.5, 0.95])
@pytest.mark.parametrize("spread", [0.5, 2, 20], ids=["problems-differ", "evenly", "luck"])
def test_intervals_of_a_mean_over_seeds_hold_the_truth_in_93_5_to_97_of_100(
    n: int, runs: int, p: float, spread: float
) -> None:
    rng = np.random.default_rng([n, round(100 * p), round(10 * spread)])
    held = 0
    for _ in range(runs):
        low, high = share_interval(rng.binomial(3, rng.beta(p * spread, (1 - p) * spread, n)) / 3)
        held += low <= p <= high
    margin = 2.5 * (0.95 * 0.05 / runs) ** 0.5  # of the simulation itself
    assert 0.935 - margin <= held / runs <= 0.97 + margin


def test_the_interval_of_right_and_wrong_answers_is_wilsons_and_of_equal_values_no_narrower() -> None:
    assert share_interval(np.array([1.0] * 6 + [0.0] * 24)) == pytest.approx(wilson(0.2, 30))
    assert share_interval(np.full(30, 1.0)) == wilson(1.0, 30)
    assert share_interval(np.full(30, 0.5)) == wilson(0.5, 30)


def exact_percentiles(better: NDArray[np.int64], worse: NDArray[np.int64], n: int) -> NDArray[np.float64]:
    """The bootstrap's 2.5th and 97.5th percentile without resampling: the n-fold convolution of each outcome."""
    length = 1 << (2 * n + 1).bit_length()
    step = np.zeros((len(better), length))
    step[:, 0], step[:, 1], step[:, 2] = worse / n, 1 - (better + worse) / n, better / n
    total = np.fft.irfft(np.fft.rfft(step) ** n, length).cumsum(axis=1)[:, : 2 * n + 1]
    return np.array([((total < q - 1e-9).sum(axis=1) - n) / n for q in (0.025, 0.975)])


def coverage(n: int, better: float, worse: float) -> float:
    """Of the interval of a difference, where one arm alone is right with chance `better`, the other with `worse`."""
    sides = [
        np.arange(*np.clip(np.round(n * q + 5.5 * np.array([-1, 1]) * (n * q) ** 0.5 + [-1, 9]), 0, n + 1).astype(int))
        for q in (better, worse)
    ]
    a, b = (side.ravel() for side in np.meshgrid(*sides))
    chance = multinomial.pmf(np.stack([a, b, n - a - b], axis=-1), n, [better, worse, 1 - better - worse])
    kept = (chance > 1e-8) & (a + b <= n)
    a, b, chance = a[kept], b[kept], chance[kept]
    low, high = np.concatenate([exact_percentiles(*part, n) for part in batches(a, b)], axis=1)
    centre = (a - b) / n
    wider = (n / (n - 1)) ** 0.5 * t.ppf(0.975, n - 1) / norm.ppf(0.975)
    low, high = (centre + (end - centre) * wider for end in (low, high))
    for place in np.flatnonzero(n - np.max([a, b, n - a - b], axis=0) < 4):
        differences = np.array([1.0] * a[place] + [-1.0] * b[place] + [0.0] * (n - a[place] - b[place]))
        low[place], high[place] = difference_interval(np.zeros(2), differences)
    low, high, truth = low.clip(-1, 1), high.clip(-1, 1), better - worse
    return float(chance[(low <= truth + 1e-9) & (truth - 1e-9 <= high)].sum() / chance.sum())


def batches(a: NDArray[np.int64], b: NDArray[np.int64]) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    return [(a[start : start + 500], b[start : start + 500]) for start in range(0, len(a), 500)]


@pytest.mark.slow
@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize(("p", "q"), [(0.05, 0.15), (0.5, 0.6), (0.95, 0.85)])
def test_intervals_of_a_difference_hold_the_truth_in_93_5_to_97_of_100(n: int, p: float, q: float) -> None:
    assert 0.935 <= coverage(n, q * (1 - p), p * (1 - q)) <= 0.97


@pytest.mark.parametrize("n", [30, 200])
@pytest.mark.parametrize(
    ("better", "worse"),
    [
        *[(0.0475, 0.0475), (0.25, 0.25), (0.04, 0.01), (0.03, 0.0), (0.07, 0.03), (0.01, 0.002)],
        *[(0.97, 0.0), (0.95, 0.01), (0.01, 0.96), (0.9, 0.05)],
    ],
)
def test_intervals_of_a_difference_hold_the_truth_in_93_of_100_however_few_problems_differ(
    n: int, better: float, worse: float
) -> None:
    assert coverage(n, better, worse) >= 0.93


@pytest.mark.parametrize(
    ("differences", "low", "high"),
    [
        ([1.0] * 4, 0.07, 1.0),
        ([1.0] * 3, -0.1, 1.0),
        ([-1.0] * 19 + [0.0], -1.0, -0.673),
        ([0.25] * 8, -0.08, 0.48),
        ([0.1 + 0.2] * 4 + [0.3] * 4, -0.05, 0.53),
        ([0.0] * 27 + [1.0] * 3, -0.039, 0.227),
    ],
)
def test_an_interval_has_a_width_and_stays_within_100_points(differences: list[float], low: float, high: float) -> None:
    values = np.array(differences)
    means = resampled_means(values[:, None], 500, np.random.default_rng(0))[:, 0]
    assert difference_interval(means, values) == pytest.approx((low, high), abs=0.01)


def test_an_interval_whose_percentiles_pass_100_points_ends_there() -> None:
    values = np.array([1.0] * 16 + [0.9, 0.9, 0.8, -1.0])
    means = resampled_means(values[:, None], 500, np.random.default_rng(0))[:, 0]
    assert difference_interval(means, values)[1] == 1.0
    assert difference_interval(100 * means, 100 * values, 100.0)[1] > 100


@pytest.mark.parametrize(("better", "worse", "n"), [(20, 8, 200), (6, 1, 30), (160, 120, 1319)])
def test_resampling_comes_to_the_exact_percentiles(better: int, worse: int, n: int) -> None:
    differences = np.array([1.0] * better + [-1.0] * worse + [0.0] * (n - better - worse))
    means = resampled_means(differences[:, None], 20_000, np.random.default_rng(0))[:, 0]
    centre, wider = (better - worse) / n, t.ppf(0.975, n - 1) / norm.ppf(0.975)
    expected = centre + (exact_percentiles(np.array([better]), np.array([worse]), n)[:, 0] - centre) * wider
    assert difference_interval(means, differences) == pytest.approx(expected, abs=1.5 / n)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "runs", "p", "q"),
    [(30, 3000, 0.05, 0.15), (30, 3000, 0.95, 0.85), (200, 1000, 0.5, 0.6), (200, 1000, 0.95, 0.85)],
)
def test_differences_of_means_over_seeds_hold_the_truth_in_93_5_to_97_of_100(
    n: int, runs: int, p: float, q: float
) -> None:
    """Three seeds a problem: difficulty varies between problems, luck within them."""
    rng, held = np.random.default_rng([n, round(100 * p), round(100 * q)]), 0
    for _ in range(runs):
        ours, theirs = (rng.binomial(3, rng.beta(2 * share, 2 - 2 * share, n)) / 3 for share in (p, q))
        low, high = difference_interval(resampled_means((ours - theirs)[:, None], 1000, rng)[:, 0], ours - theirs)
        held += low <= p - q <= high
    margin = 2.5 * (0.95 * 0.05 / runs) ** 0.5  # of the simulation itself
    assert 0.935 - margin <= held / runs <= 0.97 + margin


def test_columns_are_resampled_together() -> None:
    values = np.random.default_rng(0).random((50, 1)) @ np.array([[1.0, -2.0]])
    means = resampled_means(values, 500, np.random.default_rng(1))
    assert means[:, 1] == pytest.approx(-2 * means[:, 0], abs=1e-6)
    assert means[:, 0].std() == pytest.approx(values[:, 0].std(ddof=1) / 50**0.5, rel=0.1)


def test_what_has_no_spread_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        resampled_means(np.array([[np.nan]]), 10, np.random.default_rng(0))


@pytest.mark.parametrize(("problems", "repeats"), [(60, 4), (30, 16)])
def test_with_repeats_the_interval_of_a_runs_table_holds_the_truth(problems: int, repeats: int) -> None:
    """As a document's repeats were problems of their own, it held it in 79 of 100 (60 x 4), in 28 (30 x 64)."""
    rng, runs, held = np.random.default_rng(problems), 150, 0
    for _ in range(runs):
        right = rng.binomial(repeats, rng.beta(0.6, 1.4, problems)) / repeats  # as lm-eval has it: a score a document
        records = [
            replace(record(answer(float(score)), doc=doc), repeat=repeat)
            for doc, score in enumerate(right)
            for repeat in range(repeats)
        ]
        [point] = points(records, metrics={"gsm8k": "exact_match"})
        held += (point.low or 0.0) <= 0.3 <= (point.high or 0.0)
    assert held / runs >= 0.9


@pytest.mark.slow
@pytest.mark.parametrize("cell", [Cell(30, 4, 1), Cell(30, 16, 5), Cell(100, 1, 2), Cell(300, 4, 3)], ids=str)
def test_what_the_screens_say_of_a_run_of_that_size_holds(cell: Cell) -> None:
    """docs/measures.md has the whole table, from more runs."""
    runs = {300: 150}.get(cell.problems, 400)
    found, margin = measured(cell, runs, 1000), 2.5 * (0.95 * 0.05 / runs) ** 0.5
    assert 0.935 - 0.017 <= found.accuracy <= 0.965 + 0.017
    assert 0.935 - margin <= found.difference <= 0.965 + margin
    assert found.false <= 0.06 + margin
