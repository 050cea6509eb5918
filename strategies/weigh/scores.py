"""What strategies that score share."""

from __future__ import annotations

from collections.abc import Sequence

from tts_bench.api import Aggregation, Score, aggregate


def needed(scorer: str) -> tuple[str, ...]:
    """The `needs` of a strategy that asks the scorer of that name; empty: the only one of the run."""
    return (f"scorer:{scorer}" if scorer else "scorer",)


def values(scores: Sequence[Score], how: Aggregation | None) -> list[float]:
    """One number for each score: the scorer's own, or its steps aggregated."""
    return [score.value if how is None else aggregate(score.steps, how) for score in scores]
