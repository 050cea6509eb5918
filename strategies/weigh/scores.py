"""Shared by strategies that score."""

from __future__ import annotations

from collections.abc import Sequence

from tts_bench.api import Aggregation, Score, aggregate


def needed(scorer: str) -> tuple[str, ...]:
    """The `needs` of a strategy that uses the scorer of that name; empty: the run's only scorer."""
    return (f"scorer:{scorer}" if scorer else "scorer",)


def values(scores: Sequence[Score], how: Aggregation | None) -> list[float]:
    """One number per score: the scorer's own value, or its aggregated steps."""
    return [score.value if how is None else aggregate(score.steps, how) for score in scores]
