"""What a difference is called depends on how many are stated with it."""

from __future__ import annotations

from dataclasses import asdict, replace
from statistics import NormalDist

import numpy as np
import pytest

from benchmarks import registered
from tests.analysis.test_compare import series
from tts_bench.analysis.compare import compare, stated
from tts_bench.analysis.family import Comparison, as_one_family
from tts_bench.analysis.paired import FLIPS

LEAST = 1 / (FLIPS + 1)


def clear() -> Comparison:
    """One difference of half a point for 300 of 303 problems, before p-values are corrected."""
    base = np.full((303, 1), 0.5)
    scores = base + np.array([0.5] * 300 + [-0.5] * 3)[:, None]
    return stated([series("baseline", base, [10.0]), series("wait", scores, [20.0])], resamples=100)


def among(found: Comparison, others: int) -> Comparison:
    """`found` in a family with so many differences that show nothing."""
    [said] = found.statements
    dull = replace(said, p=1.0, tail=None)
    return as_one_family([replace(found, statements=[said, *[dull] * others])])


def test_what_no_sign_flip_reaches_is_significant_in_a_family_of_any_size() -> None:
    large = among(clear(), 519)
    assert large.statements[0].adjusted < 1e-50
    assert large.statements[0].significant
    assert "In a family of 520, p-values" in large.notes[-1]
    assert among(clear(), 100_000).statements[0].significant


@pytest.mark.parametrize("others", [0, 10, 499])
def test_p_values_of_a_family_that_the_flips_are_enough_for_are_those_of_the_flips(others: int) -> None:
    found = among(clear(), others)
    assert found.statements[0].p == LEAST
    assert found.statements[0].adjusted == pytest.approx((others + 1) * LEAST)
    assert found.notes == clear().notes


def test_what_is_detectable_is_known_with_the_family_and_needs_enough_problems() -> None:
    assert clear().statements[0].detectable is None
    alone, large = (among(clear(), others).statements[0].detectable for others in (0, 99))
    assert 0 < (alone or 0) < (large or 0)
    for n in (1, 3):
        base = np.full((n, 1), 0.25)
        lines = [series("baseline", base, [10.0]), series("wait", base + np.arange(1, n + 1)[:, None] / 5, [20.0])]
        assert compare(lines, resamples=100).statements[0].detectable is None


@pytest.mark.parametrize("age", ["new", "old"])
def test_what_a_file_says_is_detectable_is_recomputed_for_another_family(age: str) -> None:
    base = np.random.default_rng(0).uniform(0.2, 0.8, (60, 2))
    lines = [series("baseline", base[:, :1], [10.0]), series("wait", base[:, 1:], [20.0])]
    alone = stated(lines, resamples=100)
    small, large = (asdict(among(alone, others).statements[0]) for others in (1, 11))
    if age == "old":  # as files were before they had `deviation`: the normal approximation
        normal = NormalDist()
        units = normal.inv_cdf(1 - 0.05 / 2 / 2) + normal.inv_cdf(0.8)
        small["detectable"] = units * (small.pop("deviation") or 0) * (59 / 60) ** 0.5 / 60**0.5
    assert registered._detectable(small, 2, 12) == pytest.approx(large["detectable"])
