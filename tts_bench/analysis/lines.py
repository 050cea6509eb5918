"""Arms as points of a curve, with what needs whole lines: exact votes, and seeds taken together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tts_bench.analysis.arms import Arm
from tts_bench.analysis.bootstrap import percentile_interval, resampled_means
from tts_bench.analysis.curve import Point, wilson
from tts_bench.analysis.runs import Line

_RESAMPLES = 2000


def curve_of(arms: Sequence[Arm]) -> list[Point]:
    """The points of `arms`, task by task.

    A vote of k has its exact expectation over all votes of k samples of the pool. Intervals are Wilson's where each
    problem is right or wrong, and else from a bootstrap over problems: an average over seeds or votes is no count.
    """
    tasks = dict.fromkeys(task for arm in arms for task in arm.lines)
    return [
        point for task in tasks for arm in arms if task in arm.lines for point in _points(arm.name, arm.lines[task])
    ]


def _points(name: str, line: Line) -> list[Point]:
    n, expected = len(line.documents), line.expected
    means = expected.mean(axis=0)
    counted = np.asarray(np.isin(expected, (0.0, 1.0)).all(axis=0))
    resampled = None if counted.all() else resampled_means(expected, _RESAMPLES, np.random.default_rng(0))
    points = []
    for place, rung in enumerate(line.rungs):
        mean = float(means[place])
        low, high = wilson(mean, n) if 0 <= mean <= 1 else (None, None)
        if resampled is not None and not counted[place] and 0 < mean < 1:
            low, high = percentile_interval(resampled[:, place])
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
