"""Confidence of a trace from its log-probabilities, by groups: sliding windows of tokens (DeepConf)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from math import ceil, floor, fsum, isnan
from typing import Literal

from tts_bench.api import Reasoner, Trace
from tts_bench.strategies.sampling import at_least

Way = Literal["mean", "tail", "bottom", "lowest"]

_UNIT, _MOST = 2.0**-40, 2.0**20  # the smallest difference of two confidences, and the largest of all


def confidences(reasoner: Reasoner, trace: Trace, column: str) -> dict[int, float]:
    """The confidence of each thinking token, by its number from 1. Tokens that a server left out (NaN) have none."""
    numbers = reasoner.logprobs(trace, column)[: trace.thinking_tokens]
    return {place: -number for place, number in enumerate(numbers, 1) if not isnan(number)}


def check(keep: float, top: int, tau: float | None = None) -> None:
    """Raises:
    ValueError: a number is out of range.
    """
    at_least(2, top=top)  # the largest alone is nearest to 0 where the model is surest
    if not 0 < keep <= 100:
        raise ValueError(f"keep is {keep}; it takes a number above 0, at most 100")
    if tau is not None and not 0 <= tau <= 1:
        raise ValueError(f"tau is {tau}; it takes a number from 0 to 1, or none")


def group_means(values: Sequence[float], window: int) -> list[float]:
    """The mean of each window of values; if there are fewer values, their mean.

    Values are whole numbers of units, whose sums are exact: windows of equal values have equal means.
    """
    if not values:
        return [0.0]
    size = min(window, len(values))
    sums = [0, *accumulate(round(min(value, _MOST) / _UNIT) for value in values)]
    return [(sums[end] - sums[end - size]) * _UNIT / size for end in range(size, len(values) + 1)]


def score(values: Sequence[float], way: Way, window: int) -> float:
    """One number for a trace: from all tokens, the last window, the lowest tenth of the groups, or the lowest."""
    if way in ("mean", "tail"):
        some = values[-window:] if way == "tail" else values
        return fsum(some) / len(some) if some else 0.0
    ranked = sorted(group_means(values, window))
    lowest = ranked[: max(1, len(ranked) // 10)] if way == "bottom" else ranked[:1]
    return fsum(lowest) / len(lowest)


def first_below(values: Sequence[float], window: int, line: float) -> int | None:
    """Number of values when the mean of the last `window` is below `line` for the first time."""
    if len(values) < window:
        return None
    means = group_means(values, window)
    return next((window + place for place, mean in enumerate(means) if mean < line), None)


def percentile(values: Sequence[float], per_cent: float) -> float:
    """Interpolated linearly, as numpy does by default."""
    ranked = sorted(values)
    place = per_cent / 100 * (len(ranked) - 1)
    low = floor(place)
    high = min(low + 1, len(ranked) - 1)
    return ranked[low] + (place - low) * (ranked[high] - ranked[low])


def kept(scores: Sequence[float], per_cent: float) -> list[int]:
    """Indices of the highest `per_cent` of the scores, rounded up, in order; ties go to the first."""
    count = max(1, ceil(per_cent / 100 * len(scores) - 1e-9))
    return sorted(sorted(range(len(scores)), key=lambda place: -scores[place])[:count])
