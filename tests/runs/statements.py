"""Statements of a comparison, made up."""

from __future__ import annotations

from tts_bench.analysis.family import Statement


def statement(task: str, difference: float, half: float) -> Statement:
    """`difference` from the baseline, with an interval of `half` to either side."""
    return Statement(
        task=task,
        kind="last",
        left="strategy",
        right="baseline",
        left_rung="x4",
        right_rung="full",
        difference=difference,
        low=difference - half,
        high=difference + half,
        p=0.5,
        test="",
        adjusted=0.5,
        problems=400,
        better=0,
        worse=0,
        compute=100.0,
        ratio=2.0,
        detectable=None,
    )
