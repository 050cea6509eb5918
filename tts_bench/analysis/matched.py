"""Curves of accuracy against compute: at one place, as an area, and what no other point beats on both."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from tts_bench.analysis.arrays import Floats


def accuracy_at(compute: ArrayLike, costs: ArrayLike, accuracies: ArrayLike) -> Floats:
    """Accuracy at `compute` on the straight lines between neighbouring rungs, over log2 of their costs.

    `costs` and `accuracies` have shape (rungs,), or (resamples, rungs) for a bootstrap, and `compute` () or
    (resamples,): then the answer has shape (resamples,). Rungs are taken by rising cost. Left of the first rung and
    right of the last the curve is held level, which only a resample may ask for.
    """
    x, y = np.asarray(costs, dtype=float), np.asarray(accuracies, dtype=float)
    order = np.argsort(x, axis=-1, kind="stable")
    x, y = np.log2(np.take_along_axis(x, order, -1)), np.take_along_axis(y, order, -1)
    place = np.clip(np.log2(compute), x[..., 0], x[..., -1])
    after = np.clip((x < place[..., None]).sum(axis=-1), 1, max(1, x.shape[-1] - 1))
    if x.shape[-1] == 1:
        return np.asarray(y[..., 0])
    left, right = (np.take_along_axis(x, (after + step)[..., None], -1)[..., 0] for step in (-1, 0))
    low, high = (np.take_along_axis(y, (after + step)[..., None], -1)[..., 0] for step in (-1, 0))
    width = right - left
    share = np.where(width > 0, (place - left) / np.where(width > 0, width, 1.0), 1.0)
    return np.asarray(low + share * (high - low))


def overlap(first: Sequence[float], second: Sequence[float]) -> float | None:
    """The largest compute that both curves reach, given their rungs' costs; None where the stretches do not meet."""
    most = min(max(first), max(second))
    return most if most >= max(min(first), min(second)) else None


def area(costs: Sequence[float], accuracies: Sequence[float], low: float, high: float) -> float:
    """Mean accuracy over log2 compute between `low` and `high`: the area under the curve, divided by its width.

    Raises:
        ValueError: not 0 < low < high, or the curve does not reach from `low` to `high`.
    """
    if not 0 < low < high or low < min(costs) or high > max(costs):
        raise ValueError(f"the curve from {min(costs):g} to {max(costs):g} has no area from {low:g} to {high:g}")
    places = sorted({low, high, *(cost for cost in costs if low < cost < high)})
    heights = [float(accuracy_at(place, costs, accuracies)) for place in places]
    return float(np.trapezoid(heights, np.log2(places)) / np.log2(high / low))


def pareto(points: Sequence[tuple[float, float]]) -> list[int]:
    """Which of the (cost, accuracy) points no other beats: places of those with no point as cheap and better, or
    cheaper and as good; by rising cost. Of equal points the first stands for all.
    """
    front: list[int] = []
    for place in sorted(range(len(points)), key=lambda place: (points[place][0], -points[place][1], place)):
        if not front or points[place][1] > points[front[-1]][1]:
            front.append(place)
    return front
