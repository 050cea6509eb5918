"""Records as points of a curve: the run's own, as lm-eval scored each rung, or with expectations for votes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import fsum
from statistics import stdev

import numpy as np

from tts_bench.analysis.arrays import Floats
from tts_bench.analysis.checks import Checks
from tts_bench.analysis.curve import Z95, Point, wilson
from tts_bench.analysis.table import Grid, Table
from tts_bench.measures import columns, mean
from tts_bench.records import Record

_ADDED = 0.05  # of a problem; benchmarks/coverage.py has what it does


def are_shares(values: Floats) -> bool:
    """Whether each is from 0 to 1. Asked of all rungs that are shown together: one of others may be so by chance."""
    return bool((values >= 0).all() and (values <= 1).all())


def span(*values: Floats) -> float | None:
    """The range of scores, 0 included; None where all of them are shares."""
    if all(are_shares(part) for part in values):
        return None
    return max(0.0, *(float(part.max()) for part in values)) - min(0.0, *(float(part.min()) for part in values))


def share_interval(values: Floats) -> tuple[float, float]:
    """The 95% interval of a mean of `values` in 0 to 1, shape (problems,), averages over repeats, seeds or votes.

    Where every value is 0 or 1 the interval is Wilson's. Else it is Wilson's with the effective number of problems, as
    many as would leave right-or-wrong answers the same variance, which is itself estimated: hence fewer by the squared
    ratio of the normal quantile to Student's (Korn & Graubard 1998). Few problems that are nearly all solved, or nearly
    none, seldom show the spread there is: a small part of a right and of a wrong problem is added to the estimate.
    Sums are rounded once: the same values give the same digits on every machine.
    """
    from scipy.special import stdtrit

    n, numbers = len(values), values.tolist()
    mean = fsum(numbers) / n
    if n < 2 or {0.0, 1.0}.issuperset(numbers) or len(set(numbers)) == 1:
        return wilson(mean, n)
    size = n + 2 * _ADDED
    centre = (mean * n + _ADDED) / size
    squares = fsum([*((number - centre) ** 2 for number in numbers), _ADDED * centre**2, _ADDED * (1 - centre) ** 2])
    evenly = centre * (1 - centre) * (size - 1) / squares  # right-or-wrong answers' variance, as a multiple of this one
    return wilson(mean, n * evenly * (Z95 / float(stdtrit(n - 1, 0.975))) ** 2)


def points(records: Iterable[Record], *, metrics: Mapping[str, str]) -> list[Point]:
    """The curve of `records`, which are read once and not kept; `metrics` names each task's main metric.

    A record with fewer answers than its strategy's longest keeps its last answer on the later rungs. Tasks and
    strategies come in the order in which they were first seen.

    Raises:
        ValueError: as `Checks.check`.
    """
    table, checks = Table(metrics), Checks(metrics)
    for record in records:
        checks.check(record)
        table.add(record)
    return points_of(table)


def points_of(table: Table) -> list[Point]:
    """The curve of all that was added to `table`, each rung as lm-eval scored it."""
    grids, failed = table.grids(), table.failed()
    shares = {task: span(*(grid.score for grid in lines.values())) is None for task, lines in grids.items()}
    return [
        point
        for task, strategies in table.strategies().items()
        for strategy in strategies
        for point in (
            [_nothing(task, strategy, table.metrics[task], failed[task, strategy])]
            if (task, strategy) in failed
            else grid_points(strategy, grids[task][strategy], expected=False, shares=shares[task])
        )
    ]


def grid_points(name: str, grid: Grid, *, expected: bool, shares: bool | None = None) -> list[Point]:
    """The points of `grid` under `name`; `expected` puts the expectation over all votes of k in a vote's place.

    `shares`: whether the scores of all strategies that stand beside it are from 0 to 1; None: ask this one.
    """
    if shares is None:
        shares = are_shares(grid.expected if expected else grid.score)
    return [_point(name, grid, place, expected=expected, shares=shares) for place in range(len(grid.rungs))]


def _point(name: str, grid: Grid, place: int, *, expected: bool, shares: bool) -> Point:
    scores = (grid.expected if expected else grid.score)[:, place]
    accuracy, n = mean(scores.tolist()), len(grid.documents)
    low, high = share_interval(scores) if shares else (None, None)
    expected = expected and grid.votes is not None  # some seed may have an expectation where the mean over all has none
    seeds = [_own(part, place, expected=expected) for part in grid.parts or (grid,)]
    metrics = {name: scores[:, place] for name, scores in sorted(grid.scores.items())}
    means = {name: mean(column.tolist()) for name, column in metrics.items() if np.isfinite(column).all()}
    return Point(
        task=grid.task,
        strategy=name,
        rung=grid.rungs[place],
        index=place,
        n=n,
        errors=len(grid.failed),
        metric=grid.metric,
        accuracy=accuracy,
        low=low,
        high=high,
        overall=fsum(overall for _, overall in seeds) / len(seeds),
        metrics=means | {grid.metric: accuracy},
        values={
            row.name: row.over(grid.values[row.name][:, place].tolist()) for row in columns() if row.name in grid.values
        },
        seeds=grid.seeds,
        between=stdev(own for own, _ in seeds) if len(seeds) > 1 else None,
    )


def _own(grid: Grid, place: int, *, expected: bool) -> tuple[float, float]:
    """The accuracy of one seed, over its problems without error and over all of them."""
    scores = grid.expected if expected else grid.score
    total = fsum(scores[:, min(place, len(grid.rungs) - 1)].tolist())
    return total / len(grid.documents), total / (len(grid.documents) + len(grid.failed))


def _nothing(task: str, strategy: str, metric: str, errors: int) -> Point:
    nothing = {row.name: 0.0 for row in columns() if row.required}
    return Point(task, strategy, "", 0, 0, errors, metric, None, None, None, 0.0, {}, nothing)
