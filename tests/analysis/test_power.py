"""What a pilot foretells of power, against simulations through the tests that `compare` uses."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from scipy.stats import beta

from tests.analysis.test_compare import series
from tts_bench.analysis import paired
from tts_bench.analysis.arrays import Floats
from tts_bench.analysis.compare import compare
from tts_bench.analysis.family import Statement
from tts_bench.analysis.power import POWER, detectable, needed, posterior, prospects
from tts_bench.present.planned import Plan, show
from tts_bench.runs.pilot import Estimate, Forecast

TIMES = 6000  # simulations: a standard error of 0.5 points


def told(rng: np.random.Generator, n: int, difference: float, discordant: float, seeds: int = 1) -> Floats:
    """Paired differences of problems, a column for each simulation, whose discordance is that of all problems."""
    better, worse = (discordant + difference) / 2, (discordant - difference) / 2
    drawn = rng.random((seeds, n, TIMES))
    values: Floats = np.where(drawn < better, 1.0, np.where(drawn < better + worse, -1.0, 0.0)).mean(axis=0)
    return values


def power(differences: Floats, alpha: float) -> float:
    rng = np.random.default_rng(7)
    return float(np.mean(np.array(paired.p_values(differences, rng, 2000)) < alpha))


@pytest.mark.parametrize(("n", "discordant", "alpha"), [(60, 0.4, 0.05), (200, 0.2, 0.05 / 6), (500, 0.1, 0.05)])
def test_a_detectable_difference_is_found_in_four_of_five_simulated_runs(
    n: int, discordant: float, alpha: float
) -> None:
    found = detectable(n, discordant, alpha, mean=False)
    assert found is not None
    assert power(told(np.random.default_rng(1), n, found, discordant), alpha) == pytest.approx(POWER, abs=0.02)


@pytest.mark.parametrize(("n", "discordant", "seeds"), [(150, 0.3, 3), (80, 0.5, 4)])
def test_so_is_one_of_means_over_independent_seeds(n: int, discordant: float, seeds: int) -> None:
    found = detectable(n, discordant / seeds, 0.05, mean=True)
    assert found is not None
    differences = told(np.random.default_rng(2), n, found, discordant, seeds)
    assert power(differences, 0.05) == pytest.approx(POWER, abs=0.02)


@pytest.mark.parametrize(
    ("difference", "discordant", "mean"), [(0.1, 0.3, False), (0.05, 0.1, False), (0.1, 0.3, True)]
)
def test_the_problems_that_a_difference_needs_are_enough_and_few_less_are_not(
    difference: float, discordant: float, mean: bool
) -> None:
    n = needed(difference, discordant, 0.05, mean=mean)
    assert n is not None
    rng = np.random.default_rng(3)
    differences = (
        told(rng, n, difference, discordant) if not mean else rng.normal(difference, discordant**0.5, (n, TIMES))
    )
    assert power(differences, 0.05) == pytest.approx(POWER, abs=0.02)
    fewer = detectable(round(0.9 * n), discordant, 0.05, mean=mean)
    assert fewer is None or fewer > difference


@given(st.integers(1, 500), st.data())
def test_the_bound_of_a_discordance_is_that_of_jeffreys_and_above_its_mean(n: int, data: st.DataObject) -> None:
    seen = data.draw(st.integers(0, n))
    mean, high = posterior(seen, n)
    assert 0 < mean < high <= 1
    assert beta.cdf(high, seen + 0.5, n - seen + 0.5) == pytest.approx(0.95)


def test_a_pilots_statements_become_prospects_at_the_level_of_the_whole_family() -> None:
    def statement(test: str, better: int, worse: int, deviation: float) -> Statement:
        seen = (16, better, worse, 50.0, 2.0, None, True, deviation)
        return Statement("sums", "last", "a", "b", "x", "y", 0.1, 0.0, 0.2, 0.5, test, 1.0, *seen)

    exact, mean = prospects(
        [statement("exact McNemar test", 3, 1, 9.9), statement("sign-flip test", 5, 2, 0.5)],
        {"sums": 400},
        difference=0.05,
    )
    assert exact.square == pytest.approx(4.5 / 17)
    assert mean.square == pytest.approx((15 * 0.25 + 0.5) / 17)
    assert exact.detectable == paired.smallest_detectable(400, exact.square, alpha=0.025)
    assert mean.detectable == paired.smallest_detectable_mean(400, mean.square**0.5, alpha=0.025)
    assert exact.needed is not None
    assert exact.needed_high is not None
    assert exact.needed < exact.needed_high


def test_compare_and_plan_find_the_same_difference_detectable() -> None:
    differences = np.random.default_rng(5).normal(0.02, 0.5, (30, 1)).clip(-1, 1)
    base = np.full((30, 1), 0.5)
    lines = [series("baseline", base, [10.0]), series("wait", base + differences / 2, [20.0])]
    [said] = compare(lines, resamples=100).statements
    deviation = float((differences / 2).std(ddof=1))
    assert said.deviation == pytest.approx(deviation)
    assert said.detectable == pytest.approx(detectable(30, deviation**2, 0.05, mean=True))


def test_nothing_is_foretold_of_scores_that_are_no_shares() -> None:
    seen = (8, 5, 3, 50.0, 2.0, None, False, 20.0)
    said = Statement("sums", "last", "a", "b", "x", "y", 5.0, -9.0, 19.0, 0.5, "sign-flip test", 1.0, *seen)
    assert prospects([said], {"sums": 200}) == []
    estimate = Estimate(1.0, 0.5, 1.5)
    forecast = Forecast(8, 200, 10, estimate, 0.0, None, 0, estimate, None)
    screen = io.StringIO()
    show(Plan(forecast, [], 1, None, {}, "", {"sums": 1}), Console(width=120, file=screen))
    assert "sums: nothing is foretold of scores that are not from 0 to 1." in screen.getvalue()
    assert "points" not in screen.getvalue()
