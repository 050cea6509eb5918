"""How a figure is to look: what pictures of few lines and of many have in common."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING

from tts_bench.analysis.compute import GENERATED, ComputeAxis
from tts_bench.analysis.curve import Point
from tts_bench.present.axis import token_axis
from tts_bench.text import safe

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LEAST, _MOST = 1.0, 40.0
SIZES = f"in inches, {_LEAST:g} to {_MOST:g}, such as"  # what a message says that `inches` takes


def inches(sides: Iterable[object]) -> tuple[float, float]:
    """Width and height of a figure.

    Raises:
        ValueError: `sides` are none, or too small or too large for a figure.
    """
    width, height = (float(side) if isinstance(side, Real) else 0.0 for side in sides)
    if not (_LEAST <= width <= _MOST and _LEAST <= height <= _MOST):
        raise ValueError
    return width, height


@dataclass(frozen=True)
class Look:
    """Title, compute axis and size of a figure."""

    title: str = ""
    axis: ComputeAxis = GENERATED
    linear: bool = False  # compute on a linear axis that begins at 0, not on a logarithmic one
    size: tuple[float, float] | None = None  # inches of the whole figure, width and height; None: by its panels

    def place(self, point: Point) -> float:
        """Where `point` stands on the compute axis: a logarithmic one has no place for nothing."""
        return self.axis.of(point) if self.linear else self.axis.place(point)

    def xy(self, line: Sequence[Point]) -> tuple[list[float], list[float]]:
        """Where the points of `line` stand on both axes."""
        return [self.place(point) for point in line], [point.accuracy or 0.0 for point in line]

    def label(self, width: int) -> str:
        """What stands below the axis, in lines of up to `width` characters."""
        scale = "" if self.linear else " (log scale)"
        return textwrap.fill(safe(f"{self.axis.label}{scale}"), width)

    def across(self, axes: Axes, points: Sequence[Point], most: int) -> float:
        """Lay out the compute axis for `points` with about `most` ticks at most; returns where it ends."""
        places = [self.place(point) for point in points]
        if self.linear:
            end = 1.06 * max(places)
            axes.set_xlim(0, end)
            axes.locator_params(axis="x", nbins=most)
            return end
        scale = token_axis(places, most=most, decimal=self.axis.decimal)
        axes.set_xscale("log", base=2)
        axes.set_xlim(2**scale.low, 2**scale.high)
        axes.set_xticks([2**power for power in scale.ticks], list(scale.ticks.values()))
        axes.set_xticks([], minor=True)
        return float(2**scale.high)


PLAIN = Look()
