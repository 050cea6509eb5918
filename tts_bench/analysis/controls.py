"""The two controls that every strategy is compared with at equal compute: the baseline and a majority vote.

Neither has to be an arm of its own: one sample of a vote without a budget is a baseline.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

from tts_bench.analysis.arrays import Floats
from tts_bench.analysis.series import Series
from tts_bench.analysis.table import Grid

PAIRS_UP_TO = 8  # strategies beside the baseline of which every two are compared: 28 pairs; 39 would make 741
_SAME = 0.005  # of a cost: what differs by less is called the same compute
_NAMED = 6  # strategies that one sentence names


@dataclass(frozen=True)
class Unmatched:
    """A strategy that is not compared with a control at equal compute, since no rung of the control is on one side."""

    task: str
    name: str
    rung: str  # its last
    compute: float  # mean of that rung
    control: str
    control_rung: str  # the one whose cost is the nearest
    reached: float  # mean of that rung
    side: Literal["above", "below"]  # where the control has no rung


def is_vote(series: Series) -> bool:
    """Whether it is the plain majority vote."""
    return series.strategy.partition(":")[0] == "majority-vote"


def unmatched(task: str, one: Series, control: Series, costs: Floats, others: Floats) -> Unmatched | None:
    """Why `one`, whose rungs cost `costs`, has no equal in compute on the curve of `control`; None where it has one."""
    grid, at = control.grids[task], float(costs[-1])
    if others.min() <= at <= others.max():
        return None
    side: Literal["above", "below"] = "above" if at > others.max() else "below"
    place = int(others.argmax() if side == "above" else others.argmin())
    rung = one.grids[task].rungs[-1]
    return Unmatched(task, one.name, rung, at, control.name, grid.rungs[place], float(others[place]), side)


def alike(cost: float, other: float) -> bool:
    """Whether two costs are called the same."""
    return abs(cost / other - 1) < _SAME


def crossed(costs: Floats, others: Floats) -> bool:
    """Whether a last rung lies on the curve of a control that has more than one rung, where it is read between them."""
    return len(others) > 1 and bool(others.min() <= costs[-1] <= others.max())


def pairs(series: Sequence[Series]) -> tuple[list[tuple[Series, Series]], str]:
    """Which two of the strategies beside the baseline are compared, and what to say where not every two are.

    Of many strategies each is compared with the votes only: the more differences a family has, the larger each has to
    be, and of 40 strategies every two would be 780.
    """
    every = [(left, right) for left, right in combinations(series, 2) if _alike(left, right)]
    if len(series) <= PAIRS_UP_TO:
        return every, ""
    votes = [one.name for one in series if is_vote(one)]
    kept = [(left, right) for left, right in every if is_vote(left) or is_vote(right) or left.group != right.group]
    with_these = " and ".join(["the baseline", *votes])
    said = (
        f"Of {len(series) + 1} strategies each is compared with {with_these} only, which leaves out "
        f"{len(every) - len(kept):,} pairs; compare fewer runs for every pair, or --front for the best of each budget."
    )
    return kept, said if len(kept) < len(every) else ""


def _alike(left: Series, right: Series) -> bool:
    """Of one group, or one strategy under two settings."""
    return left.group == right.group or left.strategy == right.strategy


def with_baseline(series: Sequence[Series]) -> list[Series]:
    """`series`, behind baselines made of one sample of a vote on the tasks that have no baseline.

    A sample of a vote without a budget is what the baseline draws. Its accuracy is the mean over all samples. Of the
    votes on one task the first counts.
    """
    bare = {task for one in series for task in one.grids} - {
        task for one in series if one.baseline for task in one.grids
    }
    made = []
    for one in series if len(series) > 1 else ():
        grids = {task: _single(grid) for task, grid in one.grids.items() if task in bare and grid.votes is not None}
        if grids and is_vote(one) and "budget=none" in one.strategy:
            made.append(Series(f"one sample of {one.name}", "baseline", one.group, grids))
            bare -= grids.keys()
    return [*made, *series]


def _single(grid: Grid) -> Grid:
    """A vote's grid cut to its first rung, the score being the expectation over samples."""
    return replace(
        grid,
        rungs=grid.rungs[:1],
        values={name: array[:, :1] for name, array in grid.values.items()},
        scores={name: array[:, :1] for name, array in grid.scores.items()},
        votes=None if grid.votes is None else grid.votes[:, :1],
        parts=tuple(map(_single, grid.parts)),
    )


def sentences(found: Sequence[Unmatched], unit: str) -> list[str]:
    """For each control and side, who is not compared there at equal compute and how far the control reaches."""
    said = []
    for task, control, side in dict.fromkeys((one.task, one.control, one.side) for one in found):
        these = [one for one in found if (one.task, one.control, one.side) == (task, control, side)]
        named = [f"{one.name} at {one.rung} ({_count(one.compute)})" for one in these[:_NAMED]]
        more = [f"{len(these) - _NAMED} more"] if len(these) > _NAMED else []
        where = f" on {task}" if len({one.task for one in found}) > 1 else ""
        end = "dearest" if side == "above" else "cheapest"
        said.append(
            f"{control} has no rung at or {side} the {unit}{where} of {_listed([*named, *more])}, and nothing is "
            f"extrapolated: its {end}, {these[0].control_rung}, has {_count(these[0].reached)}."
        )
    return said


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _count(number: float) -> str:
    return f"{number:,.0f}" if 100 <= number < 1e7 else f"{number:.3g}"
