"""What the data support: differences between strategies on the same problems, with interval, test and what was
detectable.

Every statement is a function of means over problems (accuracies and costs of rungs). One bootstrap over problems gives
the joint distribution of these means, and thereby every interval; the function's slope gives each problem's share in
the estimate, which is what the tests flip.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tts_bench.analysis import controls, paired
from tts_bench.analysis.arrays import Floats
from tts_bench.analysis.bootstrap import difference_interval, resampled_means
from tts_bench.analysis.compute import GENERATED, ComputeAxis
from tts_bench.analysis.family import Comparison, Statement, as_one_family
from tts_bench.analysis.matched import accuracy_at, overlap
from tts_bench.analysis.notes import left_out, orders
from tts_bench.analysis.points import span
from tts_bench.analysis.series import Series, select
from tts_bench.analysis.table import Grid, share
from tts_bench.errors import UserError


def compare(
    series: Sequence[Series],
    *,
    axis: ComputeAxis = GENERATED,
    baseline: str | None = None,
    resamples: int = 10_000,
    seed: int = 0,
) -> Comparison:
    """Every last rung against the baseline's, one strategy under two settings, and the rest at matched compute.

    Every strategy is compared with the baseline and with a majority vote at equal compute as well, where these have
    rungs on both sides of it; `unmatched` has the others.

    The last rung is what was asked for before anything was seen; to pick the best one afterwards would need another
    test. `baseline` names a series; without it, it is the first whose strategy is `baseline`, else the first.

    Raises:
        UserError: fewer than two series on every task, no series of that name, or no problem in common.
    """
    return as_one_family([stated(series, axis=axis, baseline=baseline, resamples=resamples, seed=seed)])


def stated(
    series: Sequence[Series],
    *,
    axis: ComputeAxis = GENERATED,
    baseline: str | None = None,
    resamples: int = 10_000,
    seed: int = 0,
) -> Comparison:
    """What `compare` states, before p-values are corrected: for `as_one_family`.

    Raises:
        UserError: as `compare`.
    """
    rng = np.random.default_rng(seed)
    statements: list[Statement] = []
    notes: list[str] = []
    unmatched: list[controls.Unmatched] = []
    series = controls.with_baseline(series) if baseline is None else series
    for task in dict.fromkeys(task for one in series for task in one.grids):
        there = [one for one in series if task in one.grids]
        if len(there) > 1:
            found = _Task(task, there, axis, notes, resamples, rng)
            statements += found.statements(_baseline(there, baseline))
            unmatched += found.unmatched
    if not statements:
        why = "no two strategies solved one task" if len(series) > 1 else "there is one strategy only"
        raise UserError(f"{why}: nothing to compare. Run another on the same problems, or give a second run.")
    return Comparison(statements, [*notes, *orders(series)], axis, resamples, _seeds(series), unmatched)


def stated_of(
    left: Series,
    right: Series,
    kind: Literal["last", "matched"],
    *,
    axis: ComputeAxis = GENERATED,
    resamples: int = 10_000,
    seed: int = 0,
) -> Comparison:
    """One difference on every task that both have, before p-values are corrected: for `as_one_family`.

    Where the two never cost the same, `matched` states nothing, and `unmatched` has why.

    Raises:
        UserError: they have no problem in common.
    """
    rng = np.random.default_rng(seed)
    statements: list[Statement] = []
    notes: list[str] = []
    unmatched: list[controls.Unmatched] = []
    for task in (task for task in left.grids if task in right.grids):
        found = _Task(task, [left, right], axis, notes, resamples, rng)
        if (statement := found.pair(left, right, kind)) is not None:
            statements.append(statement)
        unmatched += found.unmatched
    both = [left, right]
    return Comparison(statements, [*notes, *orders(both)], axis, resamples, _seeds(both), unmatched)


def _seeds(series: Sequence[Series]) -> dict[str, int]:
    return {one.name: max(grid.seeds for grid in one.grids.values()) for one in series}


def _baseline(series: Sequence[Series], name: str | None) -> Series:
    if name is None:
        return next((one for one in series if one.baseline), series[0])
    found = [one for one in series if name in (one.name, one.strategy)]
    if not found:
        raise UserError(
            f"there is no strategy {name!r} to compare with. There are: {', '.join(a.name for a in series)}."
        )
    return found[0]


@dataclass
class _Shares:
    """What each problem adds to a difference, shape (problems,): the mean of `scores` is the difference.

    `bills` has mean 0: the same difference would be read off at another place had the problem's costs been others.
    """

    scores: Floats
    bills: Floats


class _Task:
    """The series on one task: their rungs' scores and costs on the problems that all of them finished."""

    def __init__(
        self,
        task: str,
        series: Sequence[Series],
        axis: ComputeAxis,
        notes: list[str],
        resamples: int,
        rng: np.random.Generator,
    ) -> None:
        self.task, self.series, self.rng, self.notes = task, series, rng, notes
        self.unmatched: list[controls.Unmatched] = []
        common = sorted(set.intersection(*(set(one.grids[task].documents) for one in series)))
        if not common:
            raise UserError(
                f"no problem of {task} was finished by all of {', '.join(a.name for a in series)}. Give runs that have "
                f"problems in common."
            )
        notes += left_out(task, series, common)
        self.grids = {one.name: select(one.grids[task], common) for one in series}
        self.columns: dict[str, tuple[slice, slice]] = {}  # series -> its scores, its costs
        blocks, width = [], 0
        for name, grid in self.grids.items():
            rungs = len(grid.rungs)
            blocks += [grid.expected, grid.compute(axis)]
            self.columns[name] = (slice(width, width + rungs), slice(width + rungs, width + 2 * rungs))
            width += 2 * rungs
        self.values = np.concatenate(blocks, axis=1)
        self.span = span(*(grid.expected for grid in self.grids.values()))
        self.means = self.values.mean(axis=0)
        self.resampled = resampled_means(self.values, resamples, rng)

    def statements(self, baseline: Series) -> list[Statement]:
        found = [self._last(one, baseline) for one in self.series if one is not baseline]
        others = [one for one in self.series if not one.baseline and one is not baseline]
        found += [said for one in others if (said := self._equal(one, baseline))]
        chosen, left_out = controls.pairs(others)
        self.notes += [left_out] if left_out else []
        for left, right in chosen:
            if left.group != right.group:
                found.append(self._last(right, left))
            if matched := self._matched(left, right):
                found.append(matched)
                continue
            one, control = (right, left) if controls.is_vote(left) else (left, right)
            if controls.is_vote(control):
                self._unmatched(one, control)
        return found

    def pair(self, left: Series, right: Series, kind: Literal["last", "matched"]) -> Statement | None:
        """One difference; None where the two are to be matched and never cost the same."""
        if kind == "last":
            return self._last(left, right)
        matched = self._matched(left, right)
        if matched is None:
            self._unmatched(left, right)
        return matched

    def _equal(self, one: Series, baseline: Series) -> Statement | None:
        """The last rung of `one` beside a baseline of the same compute, if its rungs have that between them."""
        if controls.crossed(self._costs(one), self._costs(baseline)):
            return self._matched(one, baseline)
        if not controls.alike(self._costs(one)[-1], self._costs(baseline)[-1]):  # else the last rungs are at one cost
            self._unmatched(one, baseline)
        return None

    def _unmatched(self, one: Series, control: Series) -> None:
        found = controls.unmatched(self.task, one, control, self._costs(one), self._costs(control))
        self.unmatched += [found] if found else []

    def _costs(self, one: Series) -> Floats:
        costs: Floats = np.maximum(self.means[self.columns[one.name][1]], 1.0)
        return costs

    def _last(self, left: Series, right: Series) -> Statement:
        (scores, costs_left), (others, costs_right) = self.columns[left.name], self.columns[right.name]
        a, b = scores.stop - 1, others.stop - 1
        ratio = self.means[costs_left.stop - 1] / max(self.means[costs_right.stop - 1], 1e-9)
        return self._state(
            "last",
            (left, self.grids[left.name].rungs[-1]),
            (right, self.grids[right.name].rungs[-1]),
            _Shares(share(self.values[:, a] - self.values[:, b]), np.zeros(len(self.values))),
            self.resampled[:, a] - self.resampled[:, b],
            float((self.values[:, a] - self.values[:, b]).mean()),
            (float(self.means[costs_left.stop - 1]), float(ratio)),
        )

    def _matched(self, left: Series, right: Series) -> Statement | None:
        """Both at the most compute that both reach; of series on their way there, between two rungs."""
        at = overlap(*(list(self._costs(one)) for one in (left, right)))
        if at is None:
            return None

        def difference(means: Floats) -> Floats:
            curves = [
                (np.maximum(means[..., cost], 1.0), means[..., score])
                for score, cost in (self.columns[left.name], self.columns[right.name])
            ]
            most = np.minimum(*(cost.max(axis=-1) for cost, _ in curves))
            (first, one), (second, two) = curves
            return accuracy_at(most, first, one) - accuracy_at(most, second, two)

        shares = self._shares(difference, left, right)
        found = float(difference(self.means))
        names = [
            (one, _between(self.grids[one.name], self.means[self.columns[one.name][1]], at)) for one in (left, right)
        ]
        return self._state("matched", names[0], names[1], shares, difference(self.resampled), found, (float(at), 1.0))

    def _shares(self, statistic: Callable[[Floats], Floats], left: Series, right: Series) -> _Shares:
        """Each problem's share in a statistic of the means, by its slope (the infinitesimal jackknife).

        In the scores the statistic is linear: their weights are what it makes of one score of 1 among zeros.
        """
        weights, bills = np.zeros(len(self.means)), np.zeros(len(self.values))
        columns = [column for one in (left, right) for column in self.columns[one.name]]
        scores = [place for column in columns[::2] for place in range(column.start, column.stop)]
        for place in scores:
            alone = self.means.copy()
            alone[scores] = 0.0
            alone[place] = 1.0
            weights[place] = float(statistic(alone))
        for place in (place for column in columns[1::2] for place in range(column.start, column.stop)):
            step = 1e-4 * max(float(abs(self.means[place])), 1e-2)
            moved = np.repeat(self.means[None], 2, axis=0)
            moved[:, place] += [-step, step]
            below, above = statistic(moved)
            bills += (above - below) / (2 * step) * (self.values[:, place] - self.means[place])
        return _Shares(share(self.values[:, scores] @ weights[scores]), bills)

    def _state(
        self,
        kind: Literal["last", "matched"],
        left: tuple[Series, str],
        right: tuple[Series, str],
        shares: _Shares,
        resampled: Floats,
        difference: float,
        compute: tuple[float, float],
    ) -> Statement:
        low, high = difference_interval(resampled, shares.scores, self.span)
        tested = shares.scores + shares.bills
        p, test = paired.p_value(tested, self.rng)
        rare = not test.startswith("exact") and paired.unsettled(p)
        return Statement(
            task=self.task,
            kind=kind,
            left=left[0].name,
            right=right[0].name,
            left_rung=left[1],
            right_rung=right[1],
            difference=difference + 0.0,  # which has no sign where it is 0
            low=low + 0.0,
            high=high + 0.0,
            p=p,
            test=test,
            adjusted=p,
            problems=len(shares.scores),
            better=int((shares.scores > 0).sum()),
            worse=int((shares.scores < 0).sum()),
            compute=compute[0],
            ratio=compute[1],
            detectable=None,  # before the family is known
            share=self.span is None,
            deviation=float(tested.std(ddof=1)) if len(tested) > 1 else None,
            tail=paired.sign_flip_tail(tested) if rare else None,
        )


def _between(grid: Grid, costs: Floats, at: float) -> str:
    """The rung that costs `at`, or the two it lies between."""
    order = np.argsort(costs, kind="stable")
    after = int(np.searchsorted(costs[order], at * (1 - 1e-9)))
    after = min(after, len(order) - 1)
    if after == 0 or costs[order[after]] <= at * (1 + 1e-9):
        return grid.rungs[int(order[after])]
    return f"{grid.rungs[order[after - 1]]} to {grid.rungs[order[after]]}"
