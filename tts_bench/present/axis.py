"""Axes that pictures and terminal drawings share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

_FEW = 3  # ticks: with fewer of them nobody reads a logarithmic axis


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
    """The log2 axis of amounts above 0, ticks at powers of two, about `most` at most; a short one has some between.

    `decimal` puts the ticks at 1, 2 and 5 times powers of ten, for amounts that nobody counts in powers of two.
    """
    low, high = math.log2(min(tokens)), math.log2(max(tokens))
    margin = max(0.06 * (high - low), (1.2 - (high - low)) / 2)
    if decimal:
        return Axis(low - margin, high + margin, _decimal_ticks(low - margin, high + margin, most))
    first, last = math.ceil(low - margin), math.floor(high + margin)
    step = 1 + (last - first) // max(most, 1)
    ticks: dict[float, str] = {power: _count(power) for power in range(first, last + 1, step)}
    if len(ticks) < _FEW <= most:
        between = {power + math.log2(3): f"{3 * 2**power}" for power in range(max(first - 2, 0), min(last, 13))}
        ticks |= {place: label for place, label in between.items() if low - margin <= place <= high + margin}
    return Axis(low - margin, high + margin, dict(sorted(ticks.items())))


def _decimal_ticks(low: float, high: float, most: int) -> dict[float, str]:
    powers = range(math.floor(low * math.log10(2)), math.ceil(high * math.log10(2)) + 1)
    found: list[dict[float, str]] = []
    for factors in ((1, 1.5, 2, 3, 4, 5, 6, 8), (1, 2, 5), (1, 3), (1,)):
        values = [factor * 10.0**power for power in powers for factor in factors]
        found.append({math.log2(value): _short(value) for value in values if low <= math.log2(value) <= high})
    finest, *fine = found
    ticks = next((ticks for ticks in fine if len(ticks) <= most), fine[-1])
    if len(ticks) < _FEW and len(finest) <= most:
        ticks = finest
    step = 1 + (len(ticks) - 1) // max(most, 1)
    return dict(list(ticks.items())[::step])


def _short(value: float) -> str:
    return f"{value:g}" if 1e-4 <= value < 1e4 else f"{value:.1e}".replace(".0e", "e").replace("e+", "e")


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
