"""What has to be said beside a comparison: which problems are in none of its numbers, and which votes had one order."""

from __future__ import annotations

from collections.abc import Sequence

from tts_bench.analysis.arms import Arm


def left_out(task: str, arms: Sequence[Arm], common: Sequence[int]) -> list[str]:
    """Which problems not all `arms` have, `common` being those that all have, and why: errors, or another --limit."""
    lines = {arm.name: arm.lines[task] for arm in arms}
    parts = [part for line in lines.values() for part in (line, *line.parts)]
    errors = {document for part in parts for document in part.failed}
    cut = {document for part in parts for document in part.documents} - errors - set(common)
    notes = []
    if errors:
        failed = ", ".join(f"{name} on {len(line.failed):,}" for name, line in lines.items() if line.failed)
        notes.append(f"Left out for all: {_problems(errors)} of {task} that ended in errors ({failed}).")
    if cut:
        absent = ", ".join(name for name, line in lines.items() if cut - set(line.documents))
        notes.append(f"Left out for all: {_problems(cut)} of {task} that --limit kept from some runs ({absent}).")
    return notes


def _problems(documents: set[int]) -> str:
    return f"{len(documents):,} problem{'s' if len(documents) > 1 else ''}"


def orders(arms: Sequence[Arm]) -> list[str]:
    """Which votes are expectations, where others are not: a vote that stops early has no other orders on record."""
    voting = [arm for arm in arms if any(line.voted for line in arm.lines.values())]
    averaged = [arm.name for arm in voting if all(line.votes is not None for line in arm.lines.values())]
    single = [arm.name for arm in voting if arm.name not in averaged]
    if not averaged or not single:
        return []
    vote, have = ("votes", "has") if len(single) == 1 else ("vote", "have")
    return [
        f"A vote of {' and '.join(averaged)} is the expectation over all orders of its samples; "
        f"{' and '.join(single)}, which {vote} otherwise than on the first k samples at rung k, {have} the one order "
        f"that was drawn."
    ]
