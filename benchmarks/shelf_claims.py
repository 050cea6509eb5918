"""What the pocket model's design implies for the shelf, as differences that `compare` measures (docs/strategies.md).

Each claim is a range of points. It was written down before the runs that judge it, and is not fitted to them. Those of
the part "votes" were chosen on the pools of seeds 1 to 3 and are judged only on later ones (`FROM_SEED`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, Literal

from tts_bench.analysis.family import Statement

ARITHMETIC, FLAT = "pocket_arithmetic", "pocket_flat"
FIRST, VOTE, VOTE_OF_3, FORCED = "baseline", "majority-vote", "majority-vote:samples=3", "budget-forcing"
SCORED = ("best-of-n", "weighted-vote", "best-of-majority", "beam-search", "dvts", "particle-filtering", "rebase")
SEARCH = ("beam-search", "dvts", "particle-filtering", "rebase")
THINK_LESS = (
    "no-thinking", "chain-of-draft", "class-conditional", "concise", "step-conditional", "token-budget",
    "token-conditional",
)  # fmt: skip
SOONER = ("adaptive-consistency:threshold=0.9", "adaptive-consistency:stop=majority")
# With the scorer of lines, or scorers of answers, a good and a useless one; early votes that stop sooner.
Part = Literal["shelf", "answers", "votes"]
FROM_SEED: Mapping[Part, int] = {"votes": 4}  # the first seed of a part; 1 for others
Kind = Literal["last", "matched", "bill"]  # last rungs; equal tokens; tokens in percent of the other's
Said = Callable[[str], Sequence[Statement]]  # what `compare` states with this strategy as its baseline


@dataclass(frozen=True)
class Claim:
    """`strategies` minus `against` is from `least` to `most` points."""

    says: str
    strategies: tuple[str, ...]  # empty: all without a scorer
    against: str
    least: float = -inf
    most: float = inf
    kind: Kind = "last"
    task: str = ARITHMETIC
    part: Part = "shelf"


CLAIMS = (
    Claim(
        "a good scorer leads", ("best-of-n:scorer=good", "weighted-vote:scorer=good"), VOTE, least=0, kind="matched",
        part="answers",
    ),
    Claim(
        "a good scorer leads", ("best-of-n:scorer=good", "weighted-vote:scorer=good"), FIRST, least=20, part="answers"
    ),
    Claim("a useless scorer does not lead", ("best-of-n:scorer=useless",), FIRST, most=2, part="answers"),
    Claim(
        "a useless scorer does not lead", ("best-of-n:scorer=useless",), VOTE, most=0, kind="matched", part="answers"
    ),
    Claim("useless weights change nothing", ("weighted-vote:scorer=useless",), VOTE, -2, 2, part="answers"),
    Claim("votes may stop early", ("adaptive-consistency", "certified-vote"), VOTE, -1, 1),
    Claim("votes may stop early", ("adaptive-consistency",), VOTE, most=60, kind="bill"),
    Claim("votes may stop sooner", SOONER, VOTE, -1, 1, part="votes"),
    Claim("votes may stop sooner", SOONER, VOTE, most=60, kind="bill", part="votes"),
    Claim("probable traces are right", ("picsar",), FIRST, least=15),
    Claim("probable traces are right", ("cisc",), VOTE, least=-1),
    Claim("a distribution's sharpness says nothing", ("self-certainty",), VOTE, -3, 3),
    Claim("a distribution's sharpness says nothing", ("deepconf", "deepconf-short"), FIRST, -6, 6),
    Claim("length says nothing", ("first-finish", "last-finish", "rejection-sampling"), FIRST, -6, 6),
    Claim("short thoughts save little", ("short-m-at-k",), VOTE_OF_3, -4, 4, part="answers"),
    Claim("an early exit knows no result", ("deer", "dynasor", "eat", "thought-terminator"), FIRST, most=2),
    Claim("thinking less loses", THINK_LESS, FIRST, most=-10),
    Claim("cues add checks", ("mixed-cues", "warm-cue"), FIRST, least=0),
    Claim("cues add checks", ("mixed-cues", "warm-cue"), FORCED, most=3),
    Claim("a scorer of lines leads a search", SEARCH, FIRST, least=15),
    Claim("the flat task is flat", (), FIRST, most=3, task=FLAT),
    Claim(
        "the flat task is flat", ("best-of-n:scorer=useless", "weighted-vote:scorer=useless"), FIRST, most=3, task=FLAT,
        part="answers",
    ),
    Claim("a truthful scorer still gains", SCORED, FIRST, least=20, task=FLAT),
    Claim(
        "a truthful scorer still gains", ("best-of-n:scorer=good", "weighted-vote:scorer=good"), FIRST, least=30,
        task=FLAT, part="answers",
    ),
)  # fmt: skip


def judged(said: Mapping[tuple[str, Part], Said], claims: Sequence[Claim] = CLAIMS) -> list[dict[str, Any]]:
    """Each claim about each of its strategies, with the result; `said` has the statements by task and part.

    A claim about a part that no seed has run yet is left out.
    """
    played = [claim for claim in claims if (claim.task, claim.part) in said]
    return [_judged(claim, name, said[claim.task, claim.part]) for claim in played for name in _named(claim, said)]


def _named(claim: Claim, said: Mapping[tuple[str, Part], Said]) -> Sequence[str]:
    if claim.strategies:
        return claim.strategies
    stated = said[claim.task, claim.part](claim.against)
    return [one.left for one in stated if one.kind == "last" and one.left not in SCORED]


def _judged(claim: Claim, name: str, said: Said) -> dict[str, Any]:
    # At equal tokens a pair is stated once, whatever the baseline: the statement with the page's baseline is used.
    found = difference(said(FIRST if claim.kind == "matched" else claim.against), name, claim.against, claim.kind)
    value, low, high = found
    return {
        "says": claim.says,
        "task": claim.task,
        "part": claim.part,
        "strategy": name,
        "against": claim.against,
        "kind": claim.kind,
        "least": None if claim.least == -inf else claim.least,
        "most": None if claim.most == inf else claim.most,
        "value": round(value, 2) + 0.0,  # without the sign of a zero
        "low": round(low, 2) + 0.0,
        "high": round(high, 2) + 0.0,
        "holds": claim.least <= value <= claim.most,
        "settled": (claim.least <= low and high <= claim.most) or high < claim.least or low > claim.most,
    }


def difference(said: Sequence[Statement], name: str, against: str, kind: Kind) -> tuple[float, float, float]:
    """`name` minus `against` in points with its 95% interval; for a bill, its tokens in percent of the other's.

    Raises:
        LookupError: `compare` stated no such difference.
    """
    for one in said:
        if {one.left, one.right} == {name, against} and one.kind == ("last" if kind == "bill" else kind):
            if kind == "bill":
                ratio = one.ratio if one.left == name else 1 / one.ratio
                return 100 * ratio, 100 * ratio, 100 * ratio
            sign = 1 if one.left == name else -1
            low, high = sorted((sign * one.low, sign * one.high))
            return 100 * sign * one.difference, 100 * low, 100 * high
    raise LookupError(f"nothing is stated of {name} and {against} ({kind})")
