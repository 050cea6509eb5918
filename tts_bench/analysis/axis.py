"""Axes that pictures and terminal drawings share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Axis:
    """A stretch of a linear scale with its ticks; tokens stand on it by their log2."""

    low: float
    high: float
    ticks: dict[float, str]  # place on the scale -> label

    def share(self, value: float) -> float:
        """Where `value` stands between `low` (0) and `high` (1)."""
        return (value - self.low) / (self.high - self.low)


def token_axis(tokens: Sequence[float], most: int, *, decimal: bool = False) -> Axis:
    """The log2 axis of amounts above 0, with ticks at powers of two: at least one, at most about `most`.

    `decimal` puts the ticks at 1, 2 and 5 times powers of ten, for amounts that nobody counts in powers of two.
    """
    low, high = math.log2(min(tokens)), math.log2(max(tokens))
    margin = max(0.06 * (high - low), (1.2 - (high - low)) / 2)
    if decimal:
        return Axis(low - margin, high + margin, _decimal_ticks(low - margin, high + margin, most))
    first, last = math.ceil(low - margin), math.floor(high + margin)
    step = 1 + (last - first) // max(most, 1)
    return Axis(low - margin, high + margin, {power: _count(power) for power in range(first, last + 1, step)})


def _decimal_ticks(low: float, high: float, most: int) -> dict[float, str]:
    powers = range(math.floor(low * math.log10(2)), math.ceil(high * math.log10(2)) + 1)
    for factors in ((1, 2, 5), (1, 3), (1,)):
        values = [factor * 10.0**power for power in powers for factor in factors]
        ticks = {math.log2(v): f"{v:g}" if 1e-4 <= v < 1e4 else f"{v:.0e}".replace("e+", "e") for v in values}
        ticks = {place: label for place, label in ticks.items() if low <= place <= high}
        if len(ticks) <= most:
            break
    step = 1 + (len(ticks) - 1) // max(most, 1)
    return dict(list(ticks.items())[::step])


def _count(power: int) -> str:
    if power < 14:
        return f"{2.0**power:g}"
    return f"{2 ** (power - 10)}k" if power < 24 else f"{2 ** (power - 20)}M"


def accuracy_axis(values: Sequence[float], *, percent: bool) -> Axis:
    """A linear axis around `values` with three to seven ticks at round numbers."""
    low, high = min(values), max(values)
    spread = max(high - low, 0.04 if percent else 1e-9)
    scale = 10.0 ** math.floor(math.log10(spread))
    step = next(scale * factor for factor in (0.2, 0.5, 1, 2) if spread / (scale * factor) <= 5)
    first = math.floor(low / step)
    last = max(math.ceil(high / step), first + 1)
    ticks = (place * step for place in range(first, last + 1))
    return Axis(first * step, last * step, {tick: f"{100 * tick:.3g}%" if percent else f"{tick:.3g}" for tick in ticks})
