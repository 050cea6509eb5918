"""What has to be said beside a comparison: which problems are in none of its numbers, and which votes had one order."""

from __future__ import annotations

from collections.abc import Sequence

from tts_bench.analysis.series import Series


def left_out(task: str, series: Sequence[Series], common: Sequence[int]) -> list[str]:
    """Which problems not all `series` have, and why: errors, another --limit, an unfinished run.

    `common` are those that all have.
    """
    grids = {one.name: one.grids[task] for one in series}
    parts = [part for grid in grids.values() for part in (grid, *grid.parts)]
    errors = {document for part in parts for document in part.failed}
    cut = {document for part in parts for document in part.documents} - errors - set(common)
    notes = []
    if errors:
        failed = ", ".join(f"{name} on {len(grid.failed):,}" for name, grid in grids.items() if grid.failed)
        notes.append(f"Left out for all: {_problems(errors)} of {task} that ended in errors ({failed}).")
    if cut:
        absent = ", ".join(name for name, grid in grids.items() if cut - set(grid.documents))
        why = f"that --limit or an early look kept from some runs ({absent})"
        notes.append(f"Left out for all: {_problems(cut)} of {task} {why}.")
    return notes


def _problems(documents: set[int]) -> str:
    return f"{len(documents):,} problem{'s' if len(documents) > 1 else ''}"


def orders(series: Sequence[Series]) -> list[str]:
    """Which votes are expectations, where others are not: a vote that stops early has no other orders on record."""
    voting = [one for one in series if any(grid.voted for grid in one.grids.values())]
    averaged = [one.name for one in voting if all(grid.votes is not None for grid in one.grids.values())]
    single = [one.name for one in voting if one.name not in averaged]
    if not averaged or not single:
        return []
    vote, have = ("votes", "has") if len(single) == 1 else ("vote", "have")
    return [
        f"A vote of {' and '.join(averaged)} is the expectation over all orders of its samples; "
        f"{' and '.join(single)}, which {vote} differently from the first k samples at rung k, {have} only the order "
        f"that was drawn."
    ]
