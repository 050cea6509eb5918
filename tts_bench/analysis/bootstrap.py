"""The paired bootstrap: whole problems are drawn again, so all that was measured on one of them stays together."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

from tts_bench.analysis.arrays import Floats

_Z95 = NormalDist().inv_cdf(0.975)
_CELLS = 2_000_000  # draws made at once: some 30 MB


def resampled_means(values: Floats, resamples: int, rng: np.random.Generator) -> Floats:
    """Means over problems of every column in each resample: values (problems, columns) -> (resamples, columns).

    Whatever is a function of means (a difference, an interpolated curve, an area) has its bootstrap distribution from
    these, and all of them from the same draws. With several seeds, a row holds the problem's mean over its seeds:
    problems are drawn with replacement and each brings all its seeds. To draw among the seeds once more would count
    their noise twice (Davison & Hinkley 1997, section 3.8). Deviations are widened by sqrt(n / (n - 1)), without which
    a bootstrap's variance is that much too small.

    Raises:
        ValueError: no problem, or a value that is not finite.
    """
    n = len(values)
    if n == 0 or not np.isfinite(values).all():
        raise ValueError("a bootstrap needs problems, and finite values")
    centre = values.mean(axis=0)
    residuals = (values - centre).astype(np.float32)  # small numbers: single precision loses nothing that is shown
    means = np.empty((resamples, values.shape[1]))
    rows = min(resamples, max(1, _CELLS // n))
    times = np.empty((rows, n), np.float32)  # how often each problem is drawn in each resample
    for start in range(0, resamples, rows):
        draws = rng.integers(0, n, (min(rows, resamples - start), n), dtype=np.min_scalar_type(n - 1))
        for row, drawn in enumerate(draws):
            times[row] = np.bincount(drawn, minlength=n)
        means[start : start + len(draws)] = times[: len(draws)] @ residuals
    return np.asarray(centre + means / n * (n / max(n - 1, 1)) ** 0.5)


def percentile_interval(statistic: Floats, level: float = 0.95) -> tuple[float, float]:
    """The percentile interval (Efron 1979) of a bootstrapped statistic, shape (resamples,)."""
    low, high = np.quantile(statistic, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def difference_interval(means: Floats, differences: Floats, span: float | None = None) -> tuple[float, float]:
    """The 95% interval of a mean paired difference: resampled `means`, shape (resamples,); `differences`, (problems,).

    `span`: of scores that are no shares, the range that they have; None: shares, whose differences are from -1 to 1.

    Percentiles, widened as Student's interval is wider than the normal one: the expanded percentile interval
    (Hesterberg 2015, What teachers should know about the bootstrap). Where all but fewer than four problems have the
    same difference, the bootstrap knows too little of the spread (of all alike, nothing). The interval is then that of
    Bonett & Price (2012): normal, with one more problem for each side.
    """
    from scipy.special import stdtrit

    most, mean = 1.0 if span is None else span, float(differences.mean())
    if _unlike(differences, most) >= 4:
        low, high = percentile_interval(means)
        wider = float(stdtrit(len(differences) - 1, 0.975)) / _Z95
        low, high = mean + (low - mean) * wider, mean + (high - mean) * wider
    else:
        told = differences[differences != 0]
        n, total = len(differences) + 2, float(told.sum())
        deviation = ((float(np.square(told).sum()) + 2 * most**2) / n - (total / n) ** 2) ** 0.5
        centre, half = total / n, _Z95 * deviation / n**0.5
        low, high = min(mean, centre - half), max(mean, centre + half)
    return (max(low, -1.0), min(high, 1.0)) if span is None else (low, high)


def _unlike(differences: Floats, most: float) -> int:
    """How many differ from the most common one, but for rounding."""
    _, counts = np.unique(np.round(differences / most, 10), return_counts=True)
    return len(differences) - int(counts.max())
