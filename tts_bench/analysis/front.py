"""What is best for each budget of compute, and which others the data do not tell from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, log2

import numpy as np

from tts_bench.analysis import paired
from tts_bench.analysis.arrays import Floats
from tts_bench.analysis.bootstrap import difference_interval, percentile_interval, resampled_means
from tts_bench.analysis.compute import GENERATED, ComputeAxis
from tts_bench.analysis.points import share_interval, span
from tts_bench.analysis.series import Series, select
from tts_bench.analysis.table import share
from tts_bench.errors import UserError


@dataclass(frozen=True)
class Rival:
    """A strategy beside the best of its budget: `difference` is its accuracy less that of the best."""

    name: str
    rung: str
    compute: float
    accuracy: float
    difference: float
    low: float  # 95% interval of the difference, for this one alone
    high: float
    p: float
    adjusted: float  # after Holm's correction over the rivals of the budget

    @property
    def told_apart(self) -> bool:
        return self.adjusted < 0.05


@dataclass(frozen=True)
class Budget:
    """The strategies that spend at most `budget` per problem on average, each at its dearest rung within it."""

    task: str
    budget: int  # a power of two
    name: str  # the most accurate
    rung: str
    compute: float
    accuracy: float
    low: float  # 95% interval of its accuracy, which does not allow for its having been picked
    high: float
    rivals: list[Rival]  # all others within the budget, the most accurate first
    dearer: list[str]  # strategies whose every rung costs more
    problems: int
    share: bool = True  # whether scores are from 0 to 1

    @property
    def level(self) -> list[Rival]:
        """The rivals that are not told apart from the best."""
        return [rival for rival in self.rivals if not rival.told_apart]


@dataclass(frozen=True)
class _Place:
    """One rung of one strategy, and its column among the scores of all."""

    name: str
    rung: str
    compute: float
    accuracy: float
    column: int


def front(
    series: Sequence[Series], *, axis: ComputeAxis = GENERATED, resamples: int = 10_000, seed: int = 0
) -> list[Budget]:
    """The budgets of each task, rising, from the least that some rung costs to the most.

    A rung is taken by its cost, never by its accuracy: the dearest within the budget. The best strategy is picked by
    its accuracy, and the tests ask which of the others it is told apart from. A strategy that is in truth the best is
    told apart from the one picked in at most 5 of 100 runs.

    Raises:
        UserError: no problem of a task was finished by all of its strategies.
    """
    rng = np.random.default_rng(seed)
    return [
        budget
        for task in dict.fromkeys(task for one in series for task in one.grids)
        for budget in _budgets(task, [one for one in series if task in one.grids], axis, resamples, rng)
    ]


def _budgets(
    task: str, series: Sequence[Series], axis: ComputeAxis, resamples: int, rng: np.random.Generator
) -> list[Budget]:
    common = sorted(set.intersection(*(set(one.grids[task].documents) for one in series)))
    if not common:
        raise UserError(f"no problem of {task} was finished by all strategies. Give runs that have problems in common.")
    grids = {one.name: select(one.grids[task], common) for one in series}
    costs = {name: np.maximum(grid.compute(axis).mean(axis=0), 1.0) for name, grid in grids.items()}
    least = min(float(cost.min()) for cost in costs.values())
    most = max(float(cost.max()) for cost in costs.values())
    budgets = [2**power for power in range(ceil(log2(least) - 1e-9), ceil(log2(most) - 1e-9) + 1)]
    chosen = {(name, rung) for budget in budgets for name in grids if (rung := within(costs[name], budget)) is not None}
    order = [(name, rung) for name, grid in grids.items() for rung in range(len(grid.rungs)) if (name, rung) in chosen]
    scores = np.stack([grids[name].expected[:, rung] for name, rung in order], axis=1)
    places = {
        (name, rung): _Place(
            name, grids[name].rungs[rung], float(costs[name][rung]), float(share(scores[:, column].mean())), column
        )
        for column, (name, rung) in enumerate(order)
    }
    means = resampled_means(scores, resamples, rng)
    reach = span(*(grid.expected for grid in grids.values()))
    found = []
    for budget in budgets:
        rungs = {name: within(costs[name], budget) for name in grids}
        there = [places[name, rung] for name, rung in rungs.items() if rung is not None]
        dearer = [name for name, rung in rungs.items() if rung is None]
        found.append(_budget(task, budget, there, dearer, scores, means, reach, rng))
    return found


def within(costs: Floats, budget: float) -> int | None:
    """The dearest rung that costs at most `budget`, the later one of two that cost the same; None where none does."""
    affordable = np.flatnonzero(costs <= budget * (1 + 1e-9))
    return (
        int(affordable[np.flatnonzero(costs[affordable] == costs[affordable].max())[-1]]) if len(affordable) else None
    )


def _budget(
    task: str,
    budget: int,
    there: Sequence[_Place],
    dearer: list[str],
    scores: Floats,
    means: Floats,
    reach: float | None,
    rng: np.random.Generator,
) -> Budget:
    best, *others = sorted(there, key=lambda place: (-place.accuracy, place.compute))  # of equals the cheapest
    columns = [place.column for place in others]
    differences = share(scores[:, columns] - scores[:, [best.column]])
    tests = paired.p_values(differences, rng)
    adjusted = paired.holm(tests)
    own = scores[:, best.column]
    low, high = share_interval(own) if reach is None else percentile_interval(means[:, best.column])
    rivals = []
    for at, place in enumerate(others):
        interval = difference_interval(means[:, place.column] - means[:, best.column], differences[:, at], reach)
        rivals.append(
            Rival(
                name=place.name,
                rung=place.rung,
                compute=place.compute,
                accuracy=place.accuracy,
                difference=float(differences[:, at].mean()) + 0.0,
                low=interval[0] + 0.0,
                high=interval[1] + 0.0,
                p=tests[at],
                adjusted=adjusted[at],
            )
        )
    own_values = (best.name, best.rung, best.compute, best.accuracy, low, high)
    return Budget(task, budget, *own_values, rivals, dearer, len(scores), reach is None)
