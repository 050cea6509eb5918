"""What so many problems and seeds could show, foretold from a pilot: detectable differences, and problems needed.

The tests are those of `tts_bench.analysis.paired`, at the level of Holm's first step over all differences that
`compare` would state. A pilot of n problems of which x tell two strategies apart puts the discordance at
(x + 1/2) / (n + 1), the mean of its posterior under Jeffreys' prior Beta(1/2, 1/2), and at most at the posterior's 95%
quantile (Brown, Cai & DasGupta 2001). McNemar's power is exact for a discordance (Duffy 1984). Of differences that are
no -1, 0 or 1, the variance takes the place of discordance, with the same prior of half a problem, and power is that of
Student's t. The prior is in shares: for scores that are none, nothing is foretold.

Means over K seeds have a variance between that of one seed, where seeds agree on every problem, and a K-th of it,
where they are independent. One seed's pilot does not tell which, so both are given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import sqrt

from tts_bench.analysis import paired
from tts_bench.analysis.family import Statement

POWER = 0.8
_MOST = 10_000_000  # problems


@dataclass(frozen=True)
class Prospect:
    """One difference that a comparison will state. Differences are shares; None: no difference, or no number, does."""

    task: str
    left: str
    right: str
    kind: str  # of compute: "last" or "matched"
    problems: int
    square: float  # variance of the difference between problems; of right-or-wrong answers the discordance
    square_high: float  # its 95% upper bound
    detectable: float | None  # with 80% power, at `square` and independent seeds
    detectable_high: float | None  # the same at `square_high`, and seeds that agree
    needed: int | None = None  # problems that a given difference needs, at `square` and independent seeds
    needed_high: int | None = None  # the same at `square_high`, and seeds that agree


def prospects(
    statements: Sequence[Statement], problems: dict[str, int], *, seeds: int = 1, difference: float | None = None
) -> list[Prospect]:
    """What `compare` will be able to say of the `problems` of each task, judged by its `statements` on a pilot.

    `difference` is one that somebody wants to find, as a share. Statements whose scores are no shares have none.
    """
    alpha = 0.05 / max(len(statements), 1)
    return [_prospect(one, problems[one.task], alpha, seeds, difference) for one in statements if one.share]


def _prospect(one: Statement, n: int, alpha: float, seeds: int, difference: float | None) -> Prospect:
    exact = one.test.startswith("exact")
    told = float(one.better + one.worse) if exact else (one.problems - 1) * (one.deviation or 0.0) ** 2
    square, high = posterior(told, one.problems)
    mean = seeds > 1 or not exact  # a mean over seeds is no longer right or wrong
    shown, least = detectable(n, square / seeds, alpha, mean=mean), detectable(n, high, alpha, mean=mean)
    found = Prospect(one.task, one.left, one.right, one.kind, n, square, high, shown, least)
    if difference is None:
        return found
    few = needed(difference, square / seeds, alpha, mean=mean)
    return replace(found, needed=few, needed_high=needed(difference, high, alpha, mean=mean))


def posterior(told: float, n: int) -> tuple[float, float]:
    """Mean and 95% upper bound of a share, `told` of `n` problems seen, under Jeffreys' prior."""
    from scipy.stats import beta

    told = min(max(told, 0.0), float(n))
    return (told + 0.5) / (n + 1), float(beta.ppf(0.95, told + 0.5, n - told + 0.5))


def detectable(n: int, square: float, alpha: float, *, mean: bool) -> float | None:
    """The smallest difference found with 80% power on n problems, whose differences have variance `square`."""
    if mean:
        return paired.smallest_detectable_mean(n, sqrt(square), alpha=alpha, power=POWER, most=1.0)
    return paired.smallest_detectable(n, square, alpha=alpha, power=POWER)


def needed(difference: float, square: float, alpha: float, *, mean: bool) -> int | None:
    """The fewest problems on which `difference` is found with 80% power; None: more than ten million."""

    def enough(n: int) -> bool:
        if mean:
            least = detectable(n, square, alpha, mean=True)
            return least is not None and least <= difference
        return paired.mcnemar_power(n, difference, square, alpha=alpha) >= POWER

    high = 1
    while not enough(high):
        high *= 2
        if high > _MOST:
            return None
    low = high // 2
    while high - low > 1:  # power climbs in small steps up and down: what is found is a place where it has just passed
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
