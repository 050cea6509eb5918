"""What stands beside an accuracy: how a strategy scales, what flips between rungs, what was cut, silent or ignored."""

from __future__ import annotations

from dataclasses import dataclass

from tts_bench.analysis import s1
from tts_bench.analysis.arrays import Floats
from tts_bench.analysis.compute import GENERATED, ComputeAxis
from tts_bench.analysis.points import are_shares
from tts_bench.analysis.table import Grid


@dataclass(frozen=True)
class Flips:
    """What changed between two rungs: shares of problems. Scores between 0 and 1 count with their part."""

    right_to_wrong: float
    wrong_to_right: float


@dataclass(frozen=True)
class Profile:
    """One grid in numbers. Slopes are in points of accuracy; shares are of its last rung.

    Where scores are not from 0 to 1, they and their slopes are in the metric's own unit, and nothing flips.
    """

    share: bool  # whether scores are from 0 to 1

    performance: float  # s1: the best rung's accuracy, in points
    per_doubling: float | None  # s1's Scaling; None where only one length was seen
    per_thousand: float | None  # the same for each 1,000 tokens (of the axis, 1,000 of its unit)
    down: float | None  # points per doubling while thinking is cut short ...
    up: float | None  # ... and once cues extend it
    flips: Flips | None  # from the first rung to the last
    truncated: float
    unanswered: float
    cues_happened: float | None  # cues put in of those asked for; None where none was
    answered: float | None  # accuracy on the problems with an extracted answer


def profile(grid: Grid, axis: ComputeAxis = GENERATED, *, shares: bool | None = None) -> Profile:
    """The profile of `grid`, with the expectation over votes where there is one.

    `shares`: whether the scores of all strategies that stand beside it are from 0 to 1; None: ask this one.
    """
    tokens = grid.compute(axis).mean(axis=0)
    if shares is None:
        shares = are_shares(grid.expected)
    accuracy = (100 if shares else 1) * grid.expected.mean(axis=0)
    down, up = split(grid)
    wanted = float(grid.values["cues_wanted"][:, -1].sum())
    answered = float((1 - grid.values["no_answer"][:, -1]).sum())
    return Profile(
        share=shares,
        performance=s1.performance(list(accuracy)),
        per_doubling=_slope(tokens, accuracy),
        per_thousand=_slope(tokens, accuracy, thousand=True),
        down=_slope(tokens[down], accuracy[down]),
        up=_slope(tokens[up], accuracy[up]),
        flips=flips(grid) if shares else None,
        truncated=float(grid.values["truncated"][:, -1].mean()),
        unanswered=float(grid.values["no_answer"][:, -1].mean()),
        cues_happened=float(grid.values["cues"][:, -1].sum()) / wanted if wanted else None,
        answered=float(grid.values["right_answered"][:, -1].sum()) / answered if answered else None,
    )


def flips(grid: Grid) -> Flips:
    """The flips between the first rung and the last.

    Counted within each record, then averaged over a problem's repeats and seeds: of two averages nobody can tell what
    flipped. A score between 0 and 1, such as lm-eval's mean over repeats, flips by as much as it changes.
    """
    return Flips(*(float(grid.values[name][:, -1].mean()) for name in ("right_to_wrong", "wrong_to_right")))


def split(grid: Grid) -> tuple[list[int], list[int]]:
    """Places of the rungs that scale down, by cutting thinking short, and of those that scale up, by cues.

    A curve that rises only in its first part shows what truncation costs, not what more thinking gains
    (arXiv 2507.14419). The last rung without a cue is the end of the one part and the start of the other.
    """
    wanted = grid.values["cues_wanted"].mean(axis=0) > 0
    cut = grid.values["truncated"].mean(axis=0) > 0
    natural = [place for place in range(len(wanted)) if not wanted[place]]
    forced = [place for place in range(len(wanted)) if wanted[place]]
    down = natural if any(cut[place] for place in natural) else []
    return down, natural[-1:] + forced if forced else []


def _slope(tokens: Floats, accuracy: Floats, *, thousand: bool = False) -> float | None:
    slope = s1.scaling_per_thousand if thousand else s1.scaling_per_doubling
    if not (tokens > 0).all() or len(set(tokens)) < 2:
        return None
    return float(slope(list(tokens), list(accuracy)))
