"""Arms as points of a curve, with what needs whole lines: exact votes, and seeds taken together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tts_bench.analysis.arms import Arm
from tts_bench.analysis.curve import Point, wilson
from tts_bench.analysis.runs import Line

Floats = NDArray[np.float64]


def curve_of(arms: Sequence[Arm]) -> list[Point]:
    """The points of `arms`, task by task.

    A vote of k has its exact expectation over all votes of k samples of the pool.
    """
    tasks = dict.fromkeys(task for arm in arms for task in arm.lines)
    return [
        point for task in tasks for arm in arms if task in arm.lines for point in _points(arm.name, arm.lines[task])
    ]


def _points(name: str, line: Line) -> list[Point]:
    n, expected = len(line.documents), line.expected
    points = []
    for place, rung in enumerate(line.rungs):
        mean = float(expected[:, place].mean())
        low, high = share_interval(expected[:, place]) if 0 <= mean <= 1 else (None, None)
        values = {key: float(array[:, place].mean()) for key, array in line.values.items()}
        metrics = {key.removeprefix("score "): value for key, value in values.items() if key.startswith("score ")}
        points.append(
            Point(
                task=line.task,
                strategy=name,
                rung=rung,
                index=place,
                n=n,
                errors=line.errors,
                metric=line.metric,
                accuracy=mean,
                low=low,
                high=high,
                metrics=metrics | {line.metric: mean},
                **{key: value for key, value in values.items() if not key.startswith("score ")},
            )
        )
    return points


def share_interval(values: Floats) -> tuple[float, float]:
    """The 95% interval of a mean of `values` in 0 to 1, shape (problems,), each an average over seeds or votes.

    Wilson's with the effective number of problems (Korn & Graubard 1998): as many as would leave right-or-wrong answers
    the same variance. Where every value is 0 or 1 these are all problems, and the interval is Wilson's own.
    """
    mean, variance = float(values.mean()), float(values.var())
    return wilson(mean, len(values) * mean * (1 - mean) / variance if variance > 0 else len(values))
