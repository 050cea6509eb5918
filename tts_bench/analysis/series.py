"""Runs put side by side: which strategies can be compared, under which names, and what stands in the way."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tts_bench.analysis.arrays import Floats
from tts_bench.analysis.curve import Point
from tts_bench.analysis.names import bare, is_baseline
from tts_bench.analysis.points import grid_points
from tts_bench.analysis.runs import RunData
from tts_bench.analysis.table import Grid
from tts_bench.errors import UserError

MUST_AGREE = {  # what two runs have to share to be compared -> how it is called
    "model": "model",
    "thinking_format": "thinking format",
    "system": "system prompt",
    "template": "arguments or date of the chat template",
}


@dataclass(frozen=True)
class Series:
    """A strategy under one run's settings: its grids by task, runs that differ in nothing but the seed pooled."""

    name: str
    strategy: str
    group: int  # series of one group have all settings in common
    grids: dict[str, Grid]

    @property
    def baseline(self) -> bool:
        return is_baseline(self.strategy)


def series_of(
    runs: Sequence[RunData], *, allow_different: bool = False, one_group: bool = False
) -> tuple[list[Series], list[str]]:
    """The series of `runs`, and what to say beside them: what they differ in, and what failed.

    `one_group` pools seeds that were played by other engines or versions too, such as those of another machine.

    Raises:
        UserError: other data, prompts, models, thinking formats or files of a strategy, unless `allow_different`; one
            strategy twice with one seed.
    """
    differences = [*_differences(runs), *_changed(runs)]
    hard = [said for must, said in differences if must]
    if hard and not allow_different:
        raise UserError(f"{hard[0]} --allow-different compares such runs and says so in the result.")
    groups: list[list[RunData]] = []
    for run in runs:
        for group in groups:
            if one_group or not _differences([group[0], run]):
                group.append(run)
                break
        else:
            groups.append([run])
    series = [one for place, group in enumerate(groups) for one in _pooled(place, group, len(groups) > 1)]
    failed = [
        f"{run.path}: {run.label(strategy)} has errors only on {task} and is in no number."
        for run in runs
        for task, strategy in run.failed
    ]
    partial = [f"{run.path} is not finished: {so_far(run)}." for run in runs if run.so_far]
    return series, [*partial, *(said for _, said in differences), *failed, *map(_unsaid, filter(_votes_unsaid, runs))]


def so_far(run: RunData) -> str:
    """How many problems all strategies of a run that is not finished have finished; "" of a finished one."""
    counts = {task: f"{done:,} of {total:,} problems" for task, (done, total) in run.so_far.items()}
    several = len(counts) > 1
    parts = [f"{count} of {task}" if several else count for task, count in counts.items()]
    return f"{' and '.join(parts)} so far" if parts else ""


def curve_of(series: Sequence[Series]) -> list[Point]:
    """The points of `series`, task by task.

    A vote of k has its exact expectation over all votes of k samples of the pool.
    """
    return [
        point
        for task in dict.fromkeys(task for one in series for task in one.grids)
        for one in series
        if task in one.grids
        for point in grid_points(one.name, one.grids[task], expected=True)
    ]


def _votes_unsaid(run: RunData) -> bool:
    return run.schema < 3 and any(grid.voted for grids in run.grids.values() for grid in grids.values())


def _unsaid(run: RunData) -> str:
    return (
        f"{run.path}: its records, of schema {run.schema}, do not say which votes were plain, so that a vote of k is "
        f"that of the first k samples. The run's command makes records that do."
    )


def _pooled(place: int, group: Sequence[RunData], several: bool) -> list[Series]:
    """The series of runs with the same settings."""
    found: dict[str, dict[str, dict[int, tuple[RunData, Grid]]]] = {}
    labels: dict[str, str] = {}
    for run in group:
        for task, grids in run.grids.items():
            for strategy, grid in grids.items():
                seeds = found.setdefault(strategy, {}).setdefault(task, {})
                if run.seed in seeds:
                    raise UserError(
                        f"{seeds[run.seed][0].path} and {run.path} both hold {run.label(strategy)!r} on {task} with "
                        f"seed {run.seed}: give one of them, or a run with another --seed."
                    )
                seeds[run.seed] = (run, grid)
                labels.setdefault(strategy, run.label(strategy))
    names, prefix = bare(labels.values()), f"{group[0].path.name}/" if several else ""
    return [
        Series(
            prefix + names[labels[strategy]],
            strategy,
            place,
            {task: pool_seeds([grid for _, grid in seeds.values()]) for task, seeds in tasks.items()},
        )
        for strategy, tasks in found.items()
    ]


def pool_seeds(grids: Sequence[Grid]) -> Grid:
    """Lines of several seeds as one: each problem's mean over seeds, on the problems that all of them have.

    Raises:
        UserError: their rungs differ, or no problem is common.
    """
    if len(grids) == 1:
        return grids[0]
    first = grids[0]
    longest = max((grid.rungs for grid in grids), key=len)
    if any(longest[: len(grid.rungs)] != grid.rungs for grid in grids):
        raise UserError(f"the seeds of {first.strategy!r} on {first.task} have different rungs and cannot be averaged.")
    common = sorted(set.intersection(*(set(grid.documents) for grid in grids)))
    if not common:
        raise UserError(f"the seeds of {first.strategy!r} on {first.task} have no problem in common. Give one of them.")
    chosen = [padded(select(grid, common), len(longest)) for grid in grids]
    votes = [grid.votes for grid in chosen if grid.votes is not None]
    return replace(
        chosen[0],
        rungs=longest,
        values={name: np.mean([grid.values[name] for grid in chosen], axis=0) for name in chosen[0].values},
        scores={name: np.mean([grid.scores[name] for grid in chosen], axis=0) for name in chosen[0].scores},
        votes=np.mean(votes, axis=0) if len(votes) == len(chosen) else None,
        failed=tuple(sorted(set().union(*(grid.failed for grid in grids)))),
        voted=any(grid.voted for grid in grids),
        parts=tuple(grids),
    )


def padded(grid: Grid, rungs: int) -> Grid:
    """The grid with its last rung repeated up to `rungs` columns; a vote's expectation has no such rung."""
    missing = rungs - len(grid.rungs)
    if not missing:
        return grid

    def longer(arrays: dict[str, Floats]) -> dict[str, Floats]:
        return {name: np.pad(array, ((0, 0), (0, missing)), mode="edge") for name, array in arrays.items()}

    return replace(grid, values=longer(grid.values), scores=longer(grid.scores), votes=None)


def select(grid: Grid, documents: Sequence[int]) -> Grid:
    """The grid on `documents` only, in their order."""
    place = {document: row for row, document in enumerate(grid.documents)}
    rows = [place[document] for document in documents]
    return replace(
        grid,
        documents=tuple(documents),
        prompts=tuple(grid.prompts[row] for row in rows),
        values={name: array[rows] for name, array in grid.values.items()},
        scores={name: array[rows] for name, array in grid.scores.items()},
        votes=None if grid.votes is None else grid.votes[rows],
    )


def _differences(runs: Sequence[RunData]) -> list[tuple[bool, str]]:
    """What the runs do not share with the first: whether that forbids a comparison, and how to say it."""
    found: list[tuple[bool, str]] = []
    first = runs[0]
    for run in runs[1:]:
        both = f"{first.path} and {run.path}"
        for key, name in MUST_AGREE.items():
            left, right = first.header["identity"].get(key), run.header["identity"].get(key)
            if left != right:
                found.append((True, f"{both} have another {name}: {_short(key, left)}, {_short(key, right)}."))
        tasks = [task for task in first.grids if task in run.grids]
        for task in tasks:
            data = [side.header["identity"]["data"].get(task) for side in (first, run)]
            if data[0] != data[1]:
                found.append((True, f"{both} have other data of {task}: sha256 {_cut(data[0])}, {_cut(data[1])}."))
            elif not _same_prompts(first, run, task):
                found.append((True, f"{both} put other prompts to the model on {task}."))
        for key in sorted(run.settings.keys() | first.settings.keys()):
            if key not in MUST_AGREE and first.settings.get(key) != run.settings.get(key):
                found.append((False, f"{both} differ in {key.replace('_', ' ')}."))
    return list(dict.fromkeys(found))


def _changed(runs: Sequence[RunData]) -> list[tuple[bool, str]]:
    """Strategies that are called alike in two runs and are not the same: which forbids to pool or compare them."""
    found: list[tuple[bool, str]] = []
    first: dict[str, tuple[RunData, str]] = {}
    for run in runs:
        for strategy, source in run.header["identity"].get("sources", {}).items():
            before, other = first.setdefault(strategy, (run, source))
            if source != other:
                said = f"{before.path} and {run.path} have another {run.label(strategy)}: {other}, {source}."
                found.append((True, said))
    return found


def _same_prompts(first: RunData, second: RunData, task: str) -> bool:
    prompts = [
        {
            document: prompt
            for grid in run.grids[task].values()
            for document, prompt in zip(grid.documents, grid.prompts, strict=True)
        }
        for run in (first, second)
    ]
    return all(prompts[1].get(document, prompt) == prompt for document, prompt in prompts[0].items())


def _short(key: str, value: object) -> str:
    text = value["name"] if isinstance(value, dict) and "name" in value else value
    return _cut(text) if key == "model" else json.dumps(text, ensure_ascii=False)[:60]


def _cut(digest: object) -> str:
    return str(digest)[:12]
