"""Whether two strategies differ on the same problems: tests, their correction for a family, what n problems show."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

from tts_bench.analysis.arrays import Floats


def mcnemar(better: int, worse: int) -> float:
    """Two-sided p-value of the exact McNemar test (1947): of `better + worse` problems that tell two apart, each
    is as likely to speak for the one as for the other.
    """
    from scipy.stats import binom

    if better == worse:
        return 1.0
    return min(1.0, 2 * float(binom.cdf(min(better, worse), better + worse, 0.5)))


def sign_flip(differences: Floats, rng: np.random.Generator, flips: int = 10_000) -> float:
    """Two-sided p-value of a mean difference: signs of the paired `differences`, shape (n,), are flipped at random.

    Fisher's randomisation test for pairs (The Design of Experiments, 1935, section 21). McNemar's is its exact form
    where differences are -1, 0 or 1. The observed signs count as one of the flips, so that p is never 0.
    """
    told = differences[differences != 0]
    if not len(told):
        return 1.0
    observed, extreme, done = abs(told.sum()) * (1 - 1e-12), 1, 0
    while done < flips:  # in parts, so that memory stays small
        rows = min(flips - done, max(1, 4_000_000 // len(told)))
        bits = np.unpackbits(rng.integers(0, 256, (rows, -(-len(told) // 8)), dtype=np.uint8), axis=1)
        # The sum with random signs is twice the sum of those kept, less the sum of all.
        kept = bits[:, : len(told)].astype(np.float32) @ told.astype(np.float32)
        extreme += int((np.abs(2.0 * kept - told.sum()) >= observed - 1e-6 * np.abs(told).sum()).sum())
        done += rows
    return extreme / (flips + 1)


def cochran(scores: Floats) -> float:
    """P-value of Cochran's Q (Biometrika 37, 1950): whether columns of paired `scores`, shape (n, columns), differ in
    their mean. Scores that are not 0 or 1 have the variance of their permutations within a row.
    """
    from scipy.stats import chi2

    columns = scores.shape[1]
    told = scores[scores.max(axis=1) > scores.min(axis=1)]  # other rows tell nothing, and add rounding errors
    if not len(told):
        return 1.0
    totals = told.sum(axis=0)
    q = (columns - 1) / columns * ((totals - totals.mean()) ** 2).sum() / told.var(axis=1).sum()
    return float(chi2.sf(q, columns - 1))


def p_value(differences: Floats, rng: np.random.Generator, flips: int = 10_000) -> tuple[float, str]:
    """The p-value of paired `differences`, shape (n,), and its test: McNemar's where each is -1, 0 or 1."""
    if np.isin(differences, (-1.0, 0.0, 1.0)).all():
        return mcnemar(int((differences > 0).sum()), int((differences < 0).sum())), "exact McNemar test"
    return sign_flip(differences, rng, flips), "sign-flip test"


def p_values(differences: Floats, rng: np.random.Generator, flips: int = 10_000) -> list[float]:
    """The same of every column of paired `differences`, shape (n, columns), all with one set of random signs."""
    from scipy.stats import binom

    better, worse = (differences > 0).sum(axis=0), (differences < 0).sum(axis=0)
    exact = np.isin(differences, (-1.0, 0.0, 1.0)).all(axis=0)
    found = np.minimum(1.0, 2 * binom.cdf(np.minimum(better, worse), better + worse, 0.5))
    found[better == worse] = 1.0
    if not exact.all():
        found[~exact] = _sign_flips(differences[:, ~exact], rng, flips)
    return [float(p) for p in found]


def _sign_flips(differences: Floats, rng: np.random.Generator, flips: int) -> Floats:
    sums, sizes = differences.sum(axis=0), np.abs(differences).sum(axis=0)
    observed = np.abs(sums) * (1 - 1e-12) - 1e-6 * sizes
    n, extreme, done = len(differences), np.ones(differences.shape[1]), 0
    while done < flips:  # in parts, so that memory stays small
        rows = min(flips - done, max(1, 4_000_000 // max(n, differences.shape[1])))
        bits = np.unpackbits(rng.integers(0, 256, (rows, -(-n // 8)), dtype=np.uint8), axis=1)
        kept = bits[:, :n].astype(np.float32) @ differences.astype(np.float32)
        extreme += (np.abs(2.0 * kept - sums) >= observed).sum(axis=0)
        done += rows
    return np.asarray(extreme / (flips + 1))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction (1979) for a family of tests: adjusted p-values, in the order given."""
    adjusted, reached = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        reached = max(reached, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = reached
    return adjusted


def smallest_detectable(n: int, discordant: float, *, alpha: float = 0.05, power: float = 0.8) -> float | None:
    """The smallest difference in accuracy (as a share) that the exact McNemar test finds with chance `power`.

    `discordant` is the share of the `n` problems on which the two disagree; where the difference is larger than that,
    all disagreement speaks for one. The power is exact (Duffy 1984): summed over the number of discordant problems
    and over how they split. `alpha` is the level of this one test: divide by the size of the family for what Holm's
    first step asks. None where not even a difference of all problems would do.
    """
    low, high = 0.0, 1.0
    if mcnemar_power(n, high, discordant, alpha=alpha) < power:
        return None
    while high - low > 1e-5:
        middle = (low + high) / 2
        enough = mcnemar_power(n, middle, discordant, alpha=alpha) >= power
        low, high = (low, middle) if enough else (middle, high)
    return high


def mcnemar_power(n: int, difference: float, discordant: float, *, alpha: float = 0.05) -> float:
    """The exact chance that McNemar's test rejects at `alpha`, n problems and a true `difference` given."""
    from scipy.stats import binom

    told = min(max(discordant, difference), 1.0)
    if told <= 0:
        return 0.0
    spread = 8 * (n * told * (1 - told)) ** 0.5 + 20
    sizes = np.arange(max(0, int(n * told - spread)), min(n, int(n * told + spread)) + 1)
    # The largest smaller side that is still significant; below 0 where none is.
    critical = binom.ppf(alpha / 2, sizes, 0.5) - 1
    critical += binom.cdf(critical + 1, sizes, 0.5) <= alpha / 2
    share = (told + difference) / (2 * told)
    found = np.where(critical >= 0, binom.cdf(critical, sizes, share) + binom.cdf(critical, sizes, 1 - share), 0.0)
    return float(binom.pmf(sizes, n, told) @ found)


def smallest_detectable_mean(n: int, deviation: float, *, alpha: float = 0.05, power: float = 0.8) -> float:
    """The same for differences of any size with standard `deviation` over problems, by the normal approximation."""
    normal = NormalDist()
    return (normal.inv_cdf(1 - alpha / 2) + normal.inv_cdf(power)) * deviation / float(np.sqrt(n))
