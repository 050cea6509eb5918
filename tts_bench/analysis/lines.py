"""Arms as points of a curve."""

from __future__ import annotations

from collections.abc import Sequence

from tts_bench.analysis.arms import Arm
from tts_bench.analysis.curve import Point
from tts_bench.analysis.points import line_points


def curve_of(arms: Sequence[Arm]) -> list[Point]:
    """The points of `arms`, task by task.

    A vote of k has its exact expectation over all votes of k samples of the pool.
    """
    return [
        point
        for task in dict.fromkeys(task for arm in arms for task in arm.lines)
        for arm in arms
        if task in arm.lines
        for point in line_points(arm.name, arm.lines[task], expected=True)
    ]
