"""Scorers of the pocket tasks whose quality is known by construction: controls for strategies that use a scorer.

They parse a problem as its generator wrote it, know what is right, and err at a stated rate: once per sample for
answers, once per text for lines, so that a longer text keeps the scores of a shorter one. `useless` knows nothing and
draws one number per sample: with one per text, rare texts would be chosen as often as frequent ones, which are mostly
right. `constant` gives all the same score.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

from tts_bench.api import Aggregation, Problem
from tts_bench.options import option
from tts_bench.scorer import Candidate, ScorerInfo
from tts_bench.scorers.function import FunctionScorer
from tts_bench.scorers.kinds import Loaded, ScorerKind, Setup

_VERSION = 1  # increase it whenever scores of a text may change
_PLUS = ("finds", "buys", "wins", "picks up", "takes back", "gains", "adds", "nets", "calls in", "offsets", "draws in")
_MINUS = (
    "loses", "sells", "drops", "gives away", "sets aside", "pays", "spends", "voids", "writes off", "advances",
    "releases",
)  # fmt: skip
_EVENT = re.compile(rf"\b(?:He|She|It) ({'|'.join(_PLUS + _MINUS)}) (\d+)\.")
_START = re.compile(r"(?:has|holds) (\d+) ")
_LINE = re.compile(r"(\d+)([a-zA-Z])([+-])(\d+)[=:](\d+)")  # in a first pass or a check
_FLAT = 13  # the flat story uses letters from n on


@dataclass(frozen=True)
class PocketOptions:
    """
    Raises:
        ValueError: the error rate is not a rate.
    """

    says: Literal["outcome", "steps", "useless", "constant"] = option(
        "outcome", "Score whether the answer is right, or each line of thinking; a random number; or 0.5 for all."
    )
    error: float = option(0.05, "Error rate: share of right ones rated wrong, and of wrong ones rated right.")
    aggregate: Aggregation = option("last", "How line scores are combined into the value.")

    def __post_init__(self) -> None:
        if not 0 <= self.error <= 1:
            raise ValueError(f"error is {self.error}; it takes a share from 0 to 1")


def outcome(problem: Problem, candidate: Candidate, error: float) -> float:
    """1 for a right answer, 0 for a wrong one or none; flipped at the rate `error`."""
    right = candidate.extracted == str(values(problem)[-1])
    return float(right != (_uniform("error", problem, candidate.sample) < error))


def steps(problem: Problem, candidate: Candidate, error: float) -> list[float]:
    """1 for each right line of the thinking, 0 for each wrong one; flipped at the rate `error`."""
    true = values(problem)
    lines = [line for line in candidate.thinking.split("\n") if line.strip()] or [""]
    texts = ["\n".join(lines[: place + 1]) for place in range(len(lines))]
    errs = [_uniform("error", problem, text) < error for text in texts]
    return [float(right_line(line, true) != wrong) for line, wrong in zip(lines, errs, strict=True)]


def values(problem: Problem) -> list[int]:
    """The true running value: at the start, and after each event.

    Raises:
        ValueError: it is not a problem of the pocket tasks.
    """
    start, events = _START.search(problem.prompt), _EVENT.findall(problem.prompt)
    if start is None or not events:
        raise ValueError("the pocket scorers read only problems of pocket_arithmetic and pocket_flat")
    found = [int(start[1])]
    for words, amount in events:
        found.append(found[-1] + (int(amount) if words in _PLUS else -int(amount)))
    return found


def right_line(line: str, true: list[int]) -> bool:
    """Whether a line updates the `true` running value correctly for its event.

    Any other line, such as "so 18", is right if its last number is the true answer, or if it has no number.
    """
    written = _LINE.fullmatch(line.strip())
    if written is None:
        said = re.findall(r"\d+", line)
        return not said or int(said[-1]) == true[-1]
    first, letter, sign, amount, last = written.groups()
    place, change = (ord(letter.lower()) - ord("a")) % _FLAT, int(f"{sign}{amount}")
    if place >= len(true) - 1:
        return False
    return (int(first), int(last)) == (true[place], true[place + 1]) and int(first) + change == int(last)


def useless(problem: Problem, candidate: Candidate) -> float:
    """A number in [0, 1) that is independent of what is right."""
    return _uniform("useless", problem, candidate.sample)


def _uniform(what: str, problem: Problem, of: str) -> float:
    digest = sha256("\0".join((what, problem.prompt, of)).encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64


def _load(setup: Setup[PocketOptions]) -> Loaded:
    given = setup.options
    ways: dict[str, Callable[[Problem, Candidate], object]] = {
        "outcome": lambda problem, candidate: outcome(problem, candidate, given.error),
        "steps": lambda problem, candidate: steps(problem, candidate, given.error),
        "useless": useless,
        "constant": lambda problem, candidate: 0.5,
    }
    identity: dict[str, object] = {"says": given.says, "error": given.error, "aggregate": given.aggregate}
    fingerprint = sha256(f"pocket scorers {_VERSION}".encode()).hexdigest()
    info = ScorerInfo("pocket", given.says, fingerprint, identity, per_sample=given.says != "steps")
    notes = ("a control that knows the pocket tasks, not a reward model",)
    return Loaded(FunctionScorer(ways[given.says], info, given.aggregate), "this package", notes)


kind = ScorerKind("scores the pocket tasks with known quality: a control", PocketOptions, _load)
