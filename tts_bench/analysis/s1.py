"""The three measures of s1 (Muennighoff et al., arXiv 2501.19393, section 3.2), said unambiguously.

Accuracies are in the unit they come in: give points (0 to 100) for slopes in points.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from math import log2


def control(compute: Sequence[float], *, low: float = 0.0, high: float | Sequence[float] = float("inf")) -> float:
    """The share of `compute` values within `low` to `high` (one limit, or one for each value).

    s1 takes the mean of each run; given the tokens of each trace, a run can no longer hide half of its traces being too
    long behind the other half being short. This package gives it traces.

    Raises:
        ValueError: no values, or limits of another number.
    """
    limits = list(high) if isinstance(high, Sequence) else [high] * len(compute)
    if not compute or len(limits) != len(compute):
        raise ValueError(f"{len(compute)} values and {len(limits)} limits give no control")
    return sum(low <= value <= limit for value, limit in zip(compute, limits, strict=True)) / len(compute)


def scaling_per_doubling(tokens: Sequence[float], accuracies: Sequence[float]) -> float:
    """Mean slope over all pairs of settings, in accuracy for each doubling of tokens.

    s1 prints the formula without a logarithm; its published values come out of its tables with log2 only.

    Raises:
        ValueError: fewer than two different token counts, or a count that is not above 0.
    """
    return _mean_slope(tokens, accuracies, log2)


def scaling_per_thousand(tokens: Sequence[float], accuracies: Sequence[float]) -> float:
    """Mean slope over all pairs of settings, in accuracy for each 1,000 tokens: s1's formula as it is printed.

    Raises:
        ValueError: as `scaling_per_doubling`.
    """
    return _mean_slope(tokens, accuracies, lambda count: count / 1000)


def _mean_slope(tokens: Sequence[float], accuracies: Sequence[float], scale: Callable[[float], float]) -> float:
    if any(count <= 0 for count in tokens):
        raise ValueError(f"token counts are {list(tokens)}; a slope needs counts above 0")
    points = sorted(zip(map(scale, tokens), accuracies, strict=True))
    slopes = [(f2 - f1) / (x2 - x1) for (x1, f1), (x2, f2) in combinations(points, 2) if x2 > x1]
    if not slopes:
        raise ValueError("a slope needs two settings of different length")
    return sum(slopes) / len(slopes)


def performance(accuracies: Sequence[float]) -> float:
    """The best accuracy of all settings. It is chosen after the fact: no interval of it is one."""
    return max(accuracies)
