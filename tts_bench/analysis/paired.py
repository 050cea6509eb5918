"""Whether two strategies differ on the same problems: tests, their correction for a family, what n problems show."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from math import inf
from statistics import NormalDist

import numpy as np

from tts_bench.analysis.arrays import Floats

FLIPS = 10_000  # of signs, at random
_SETTLED = 10  # flips that reach a difference: how rare fewer are, they do not tell


def mcnemar(better: int, worse: int) -> float:
    """Two-sided p-value of the exact McNemar test (1947): of `better + worse` problems that tell two apart, each
    is as likely to speak for the one as for the other.
    """
    from scipy.stats import binom

    if better == worse:
        return 1.0
    return min(1.0, 2 * float(binom.cdf(min(better, worse), better + worse, 0.5)))


def sign_flip(differences: Floats, rng: np.random.Generator, flips: int = FLIPS) -> float:
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


def too_few(family: int, flips: int = FLIPS) -> bool:
    """Whether not even the least p-value of so many `flips` survives Holm's correction over a `family`."""
    return family / (flips + 1) >= 0.05


def unsettled(p: float, flips: int = FLIPS) -> bool:
    """Whether so few of the `flips` reach a difference that its p-value might as well be much smaller."""
    return p * (flips + 1) <= _SETTLED


def sign_flip_tail(differences: Floats) -> float:
    """The p-value of `sign_flip` over all flips there are, shape (n,), however small: a saddlepoint approximation.

    Robinson (1982, Saddlepoint approximations for permutation tests and confidence intervals, JRSS B 44), in the form
    of Barndorff-Nielsen (1991). The sum with random signs has steps of at least twice the smallest difference, and is
    corrected for these as a sum on a lattice is (Daniels 1987): with finer steps p is a little too large.
    """
    from scipy.optimize import brentq
    from scipy.special import ndtr

    told = differences[differences != 0]
    sizes = np.abs(told) / np.abs(told).max()
    total, least = abs(float(told.sum())) / float(np.abs(told).max()), max(2.0 ** (1 - len(told)), sys.float_info.min)
    if total >= sizes.sum() * (1 - 1e-12):  # only one flip and its opposite come to so much
        return least

    def short(tilt: float) -> float:
        return float(sizes @ np.tanh(tilt * sizes)) - total

    high = 1.0
    while short(high) < 0:
        high *= 2
    tilt = float(brentq(short, 0.0, high))
    if tilt < 1e-6:
        return 1.0
    at, step = tilt * sizes, 2 * float(sizes.min())
    cumulant = float((at + np.log1p(np.exp(-2 * at)) - np.log(2)).sum())  # log cosh, of any size
    root = (2 * max(tilt * total - cumulant, 0.0)) ** 0.5
    spread = float((np.square(sizes) * (1 - np.square(np.tanh(at)))).sum()) ** 0.5
    scaled = -float(np.expm1(-tilt * step)) / step * spread
    return min(1.0, max(2 * float(ndtr(-root - np.log(scaled / root) / root)), least))


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


def p_value(differences: Floats, rng: np.random.Generator, flips: int = FLIPS, *, family: int = 1) -> tuple[float, str]:
    """The p-value of paired `differences`, shape (n,), and its test: McNemar's where each is -1, 0 or 1.

    In a `family` for which there are too few flips, one that hardly any flip reaches has `sign_flip_tail`.
    """
    if np.isin(differences, (-1.0, 0.0, 1.0)).all():
        return mcnemar(int((differences > 0).sum()), int((differences < 0).sum())), "exact McNemar test"
    p = sign_flip(differences, rng, flips)
    if too_few(family, flips) and unsettled(p, flips):
        p = sign_flip_tail(differences)
    return p, "sign-flip test"


def p_values(differences: Floats, rng: np.random.Generator, flips: int = FLIPS) -> list[float]:
    """The same of every column of paired `differences`, shape (n, columns), all with one set of random signs.

    The columns are the family.
    """
    from scipy.stats import binom

    better, worse = (differences > 0).sum(axis=0), (differences < 0).sum(axis=0)
    exact = np.isin(differences, (-1.0, 0.0, 1.0)).all(axis=0)
    found = np.minimum(1.0, 2 * binom.cdf(np.minimum(better, worse), better + worse, 0.5))
    found[better == worse] = 1.0
    if not exact.all():
        found[~exact] = _sign_flips(differences[:, ~exact], rng, flips)
    if too_few(len(found), flips):
        for column in np.flatnonzero(~exact & unsettled(found, flips)):
            found[column] = sign_flip_tail(differences[:, column])
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


def smallest_detectable_mean(
    n: int, deviation: float, *, alpha: float = 0.05, power: float = 0.8, most: float = inf
) -> float | None:
    """The same for differences of any size whose standard `deviation` over problems is known.

    The sign-flip test compares a mean with flips of the same differences, and so does Student's test with their spread:
    the two reject together (Lehmann & Romano 2005, section 15.2). The power is thus that of Student's t, by the normal
    approximation of its noncentral distribution (Abramowitz & Stegun 26.7.10). None where not even differences that all
    have one sign are significant, or where it is above `most`. Where those alone are, every sign has to come out right.
    """
    least = 2.0 ** (1 - n)  # p of differences that all have one sign
    if least > alpha:
        return None
    from scipy.special import stdtrit

    find, degrees = NormalDist().inv_cdf(power), n - 1
    reject = float(stdtrit(degrees, 1 - alpha / 2))
    units = (reject * (1 - 1 / (4 * degrees)) + find * (1 + reject**2 / (2 * degrees)) ** 0.5) / n**0.5
    if 2 * least > alpha:
        units = max(units, NormalDist().inv_cdf(power ** (1 / n)))
    return deviation * units if deviation * units <= most else None
