"""What no problem brings together: strategies, seeds and parts that are left out, so that the rest can be shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tts_bench.analysis.runs import RunData
from tts_bench.analysis.series import Series
from tts_bench.studies.folder import State


def answered(states: Sequence[State]) -> tuple[list[State], list[str]]:
    """The parts that have an answer, and what to say of the others; all of them where none has one."""
    found = [state for state in states if not 0 < state.of <= state.errors]
    notes = [f"{state.part.name} has only errors and is in no number." for state in states if state not in found]
    return (found, notes) if found else (list(states), [])


def seeds_together(name: str, runs: Sequence[RunData]) -> tuple[list[RunData], list[str]]:
    """The runs of a model without the strategies whose seeds have no problem of a task in common, and these."""
    documents: dict[tuple[str, str], list[set[int]]] = {}
    for run in runs:
        for task, grids in run.grids.items():
            for strategy, grid in grids.items():
                documents.setdefault((task, strategy), []).append(set(grid.documents))
    apart = {key for key, each in documents.items() if not set.intersection(*each)}
    notes = [
        f"The seeds of {name}{runs[0].label(strategy)} on {task} have no problem in common: it is in no number."
        for task, strategy in documents
        if (task, strategy) in apart
    ]
    kept = [
        {task: {key: grid for key, grid in grids.items() if (task, key) not in apart} for task, grids in one.items()}
        for one in (run.grids for run in runs)
    ]
    return [replace(run, grids=grids) for run, grids in zip(runs, kept, strict=True)], notes


def together(series: Sequence[Series]) -> tuple[list[Series], list[str]]:
    """`series` on the tasks of which all that have it share a problem, and what to say of the other tasks."""
    notes = {}
    for task in dict.fromkeys(task for one in series for task in one.grids):
        there = [one for one in series if task in one.grids]
        if not set.intersection(*(set(one.grids[task].documents) for one in there)):
            names = ", ".join(one.name for one in there)
            notes[task] = f"No problem of {task} was finished by all of {names}: they are not compared on it."
    kept = [replace(one, grids={task: grid for task, grid in one.grids.items() if task not in notes}) for one in series]
    return [one for one in kept if one.grids], list(notes.values())


def share_a_task(series: Sequence[Series]) -> bool:
    """Whether two of them have results on one task."""
    tasks = [task for one in series for task in one.grids]
    return len(set(tasks)) < len(tasks)
