import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest, chi2, permutation_test

from tts_bench.analysis.paired import (
    cochran,
    holm,
    mcnemar,
    mcnemar_power,
    p_value,
    p_values,
    sign_flip,
    sign_flip_tail,
    smallest_detectable,
    smallest_detectable_mean,
)


@pytest.mark.parametrize("seed", range(5))
def test_cochrans_q_is_the_formula_of_1950_and_its_p_what_permutations_within_problems_give(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = (rng.random((60, 5)) < rng.random((60, 1)) + 0.04 * seed * np.array([0, 0, 0, 0, 1])).astype(float)
    rows, columns, k = scores.sum(axis=1), scores.sum(axis=0), 5
    q = k * (k - 1) * ((columns - columns.mean()) ** 2).sum() / (k * rows.sum() - (rows**2).sum())
    assert cochran(scores) == pytest.approx(chi2.sf(q, k - 1))
    shuffled = rng.permuted(np.repeat(scores[None], 2000, axis=0), axis=2).sum(axis=1)
    spread = ((shuffled - shuffled.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
    beyond = (spread >= ((columns - columns.mean()) ** 2).sum() - 1e-9).mean()
    assert cochran(scores) == pytest.approx(beyond, abs=0.06)
    assert cochran(3 * scores + 1) == pytest.approx(cochran(scores))
    assert cochran(np.ones((9, 4))) == 1
    assert cochran(np.full((50, 7), 0.1)) == 1  # whose variance is 1e-34 in floating point


@given(st.integers(0, 400), st.integers(0, 400))
def test_mcnemar_is_scipys_binomial_test_of_the_discordant_problems(better: int, worse: int) -> None:
    expected = binomtest(better, better + worse).pvalue if better + worse else 1.0
    assert mcnemar(better, worse) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("better", "worse"), [(10, 2), (30, 15), (5, 5), (8, 0)])
def test_flipping_signs_of_right_and_wrong_is_mcnemars_test(better: int, worse: int) -> None:
    differences = np.array([1.0] * better + [-1.0] * worse + [0.0] * 20)
    found = sign_flip(differences, np.random.default_rng(1), 40_000)
    assert found == pytest.approx(mcnemar(better, worse), abs=0.01)
    assert p_value(differences, np.random.default_rng(1)) == (mcnemar(better, worse), "exact McNemar test")


def test_flipping_signs_of_fractions_is_scipys_permutation_test_of_samples() -> None:
    differences = np.random.default_rng(3).normal(0.4, 1, 12)
    exact = permutation_test((differences,), np.mean, permutation_type="samples", n_resamples=np.inf).pvalue
    found, test = p_value(differences, np.random.default_rng(4), 40_000)
    assert test == "sign-flip test"
    assert found == pytest.approx(exact, abs=0.01)


def test_holm_adjusts_as_in_the_worked_example() -> None:
    # 4 x 0.005, 3 x 0.01, 2 x 0.03, and 0.04 held up by the one before.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12), st.floats(0.001, 0.2))
def test_holm_rejects_what_its_step_down_rejects(p_values: list[float], alpha: float) -> None:
    rejected: set[int] = set()
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        if p_values[place] * (len(p_values) - rank) > alpha:
            break
        rejected.add(place)
    assert {place for place, p in enumerate(holm(p_values)) if p <= alpha} == rejected


def power_by_enumeration(n: int, better: float, worse: float, alpha: float) -> float:
    """Over every pair of counts, with scipy's test for each number of discordant problems."""
    total = 0.0
    for told in range(n + 1):
        chance = binom.pmf(told, n, better + worse)
        if chance > 1e-9:
            significant = [k for k in range(told + 1) if binomtest(k, told).pvalue <= alpha] if told else []
            total += chance * binom.pmf(significant, told, better / (better + worse)).sum()
    return float(total)


@pytest.mark.parametrize(("n", "difference", "told"), [(30, 0.25, 0.3), (60, 0.1, 0.2), (200, 0.09, 0.2)])
def test_power_is_that_of_the_test_enumerated(n: int, difference: float, told: float) -> None:
    expected = power_by_enumeration(n, (told + difference) / 2, (told - difference) / 2, 0.05)
    assert mcnemar_power(n, difference, told) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("n", [30, 200, 1319])
@pytest.mark.parametrize("told", [0.05, 0.2, 0.5])
@pytest.mark.parametrize("alpha", [0.05, 0.005])
def test_power_at_the_smallest_detectable_difference_is_80_of_100(n: int, told: float, alpha: float) -> None:
    found = smallest_detectable(n, told, alpha=alpha)
    assert found is not None
    spread = max(told, found)
    drawn = np.random.default_rng(n).multinomial(n, [(spread + found) / 2, (spread - found) / 2, 1 - spread], size=4000)
    rejected = np.mean([mcnemar(better, worse) <= alpha for better, worse, _ in drawn])
    assert rejected == pytest.approx(0.8, abs=0.05)


@pytest.mark.parametrize(("n", "alpha"), [(6, 0.05), (12, 0.025), (30, 0.0025), (200, 0.05)])
def test_power_at_the_smallest_detectable_mean_is_80_of_100(n: int, alpha: float) -> None:
    rng = np.random.default_rng(0)
    found = smallest_detectable_mean(n, 0.4, alpha=alpha)
    assert found is not None
    rejected = np.array(p_values(rng.normal(found, 0.4, (n, 1000)), rng, 8000 if alpha < 0.01 else 4000)) <= alpha
    assert rejected.mean() == pytest.approx(0.8, abs=0.04)


@pytest.mark.parametrize("n", [1, 3, 5])
def test_no_mean_is_detectable_where_even_differences_of_one_sign_are_not_significant(n: int) -> None:
    assert sign_flip_tail(np.full(n, 0.5)) == 2.0 ** (1 - n) > 0.05
    assert smallest_detectable_mean(n, 0.3) is None


def test_a_share_larger_than_1_is_not_detectable() -> None:
    assert smallest_detectable_mean(8, 0.9) == pytest.approx(1.04, abs=0.02)
    assert smallest_detectable_mean(8, 0.9, most=1.0) is None


@pytest.mark.parametrize(("better", "worse"), [(20, 0), (20, 1), (30, 6), (40, 9), (100, 45), (300, 3), (2000, 100)])
def test_the_tail_of_sign_flips_is_that_of_mcnemars_test_however_small(better: int, worse: int) -> None:
    differences = np.array([0.5] * better + [-0.5] * worse + [0.0] * 9)
    assert sign_flip_tail(differences) == pytest.approx(max(mcnemar(better, worse), 2.3e-308), rel=0.06)


@pytest.mark.parametrize("seed", range(6))
def test_the_tail_of_sign_flips_of_fractions_is_the_count_of_all_signs(seed: int) -> None:
    differences = np.random.default_rng(seed).normal(1.0, 1.0, 20)
    sums = np.zeros(1)
    for difference in np.abs(differences):
        sums = np.concatenate([sums + difference, sums - difference])
    exact = float((np.abs(sums) >= abs(differences.sum()) - 1e-9).mean())
    assert 0.9 * exact <= sign_flip_tail(differences) <= 1.6 * exact
    assert sign_flip_tail(1000 * differences) == pytest.approx(sign_flip_tail(differences))


def test_in_a_large_family_p_values_that_hardly_a_flip_reaches_are_those_of_all_flips() -> None:
    clear = np.array([0.5] * 300 + [-0.5] * 3)
    dull = np.random.default_rng(0).normal(0, 1, 303)
    rng = np.random.default_rng(0)
    assert p_value(clear, rng, 100)[0] == 1 / 101
    assert p_value(clear, rng, 100, family=8)[0] == sign_flip_tail(clear) < 1e-80
    few, many = (p_values(np.stack([clear] + [dull] * more, axis=1), np.random.default_rng(1), 100) for more in (3, 7))
    assert few[0] == 1 / 101
    assert many[0] == sign_flip_tail(clear)
    assert few[1:] == many[1:4]


def test_too_few_problems_detect_nothing() -> None:
    assert smallest_detectable(4, 0.2) is None
    assert smallest_detectable(30, 0.0) == pytest.approx(0.24, abs=0.04)
    assert mcnemar_power(30, 0.0, 0.0) == 0.0
