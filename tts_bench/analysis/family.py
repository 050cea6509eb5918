"""Differences as one family: what is stated together has its p-values corrected together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import inf
from typing import Literal

from tts_bench.analysis import controls, paired
from tts_bench.analysis.compute import ComputeAxis


@dataclass(frozen=True)
class Statement:
    """One difference: `left` less `right`, in the metric's own unit (a share for right and wrong answers)."""

    task: str
    kind: Literal["last", "matched"]  # last rung against last rung, or both at the same compute
    left: str
    right: str
    left_rung: str  # of `matched`: the rungs it lies between, or the one it is
    right_rung: str
    difference: float
    low: float  # 95% interval, for this difference alone
    high: float
    p: float
    test: str
    adjusted: float  # p after Holm's correction over all statements of the comparison
    problems: int
    better: int  # problems on which `left` scores higher
    worse: int
    compute: float  # mean of `left`; of `matched`, of both
    ratio: float  # compute of `left` over that of `right`
    detectable: float | None  # smallest difference found with 80% chance at Holm's first step; None: no difference is
    share: bool = True  # whether every score is from 0 to 1, so that differences are points of 100
    deviation: float | None = None  # standard deviation over problems of what is tested; None: a single problem
    tail: float | None = None  # p over all flips, where hardly one of those at random reaches the difference

    @property
    def significant(self) -> bool:
        return self.adjusted < 0.05


@dataclass(frozen=True)
class Comparison:
    """All statements of one comparison: the family that p-values are corrected for."""

    statements: list[Statement]
    notes: list[str]  # what was left out or allowed
    axis: ComputeAxis
    resamples: int
    seeds: dict[str, int]  # of each series: how many runs were pooled
    unmatched: list[controls.Unmatched] = field(default_factory=list)  # what no control is compared with, and why


def as_one_family(found: Sequence[Comparison]) -> Comparison:
    """What is stated in each of `found`, with p-values corrected over all of it."""
    statements = [statement for one in found for statement in one.statements]
    notes = list(dict.fromkeys(note for one in found for note in one.notes))
    seeds = {name: number for one in found for name, number in one.seeds.items()}
    unmatched = [missing for one in found for missing in one.unmatched]
    if paired.too_few(len(statements)) and any(statement.tail is not None for statement in statements):
        statements = [one if one.tail is None else replace(one, p=one.tail) for one in statements]
        notes.append(
            f"In a family of {len(statements):,}, p-values of differences that hardly one of {paired.FLIPS:,} sign "
            "flips reaches are a saddlepoint approximation over all flips."
        )
    return Comparison(_corrected(statements), notes, found[0].axis, found[0].resamples, seeds, unmatched)


def _corrected(statements: Sequence[Statement]) -> list[Statement]:
    adjusted = paired.holm([statement.p for statement in statements])
    return [
        replace(statement, adjusted=p, detectable=_detectable(statement, len(statements)))
        for statement, p in zip(statements, adjusted, strict=True)
    ]


def _detectable(statement: Statement, family: int) -> float | None:
    n, alpha = statement.problems, 0.05 / family
    if statement.test.startswith("exact"):
        return paired.smallest_detectable(n, (statement.better + statement.worse) / n, alpha=alpha)
    most = 1.0 if statement.share else inf
    return paired.smallest_detectable_mean(n, statement.deviation or 0.0, alpha=alpha, most=most)
