"""Scorers of the pocket tasks whose quality is known by construction: controls for strategies that are led by one.

They read a problem as its generator tells it, know what is right, and err at a stated rate: of answers once for each
sample, of lines once for each text, so that a longer one has the scores of a shorter one. `useless` knows nothing, and
draws a number for each sample: by one for each text, rare texts would be chosen as often as frequent ones, which are
mostly right. `constant` says nothing.
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

_VERSION = 1  # raise it whenever equal texts may get other scores
_PLUS = ("finds", "buys", "wins", "picks up", "takes back", "gains", "adds", "nets", "calls in", "offsets", "draws in")
_MINUS = (
    "loses", "sells", "drops", "gives away", "sets aside", "pays", "spends", "voids", "writes off", "advances",
    "releases",
)  # fmt: skip
_EVENT = re.compile(rf"\b(?:He|She|It) ({'|'.join(_PLUS + _MINUS)}) (\d+)\.")
_START = re.compile(r"(?:has|holds) (\d+) ")
_LINE = re.compile(r"(\d+)([a-zA-Z])([+-])(\d+)[=:](\d+)")  # of a first pass or of a check
_FLAT = 13  # the flat story has letters of its own, from n on


@dataclass(frozen=True)
class PocketOptions:
    """
    Raises:
        ValueError: an error rate that is none.
    """

    says: Literal["outcome", "steps", "useless", "constant"] = option(
        "outcome", "Whether the answer is right, or each line of thinking; a number at random; or the same for all."
    )
    error: float = option(0.05, "Share of right ones that are called wrong, and of wrong ones that are called right.")
    aggregate: Aggregation = option("last", "Value of a candidate whose lines are scored: one of these.")

    def __post_init__(self) -> None:
        if not 0 <= self.error <= 1:
            raise ValueError(f"error is {self.error}; it takes a share from 0 to 1")


def outcome(problem: Problem, candidate: Candidate, error: float) -> float:
    """1 for a right answer, 0 for a wrong one or none; the other one at the rate `error`."""
    right = candidate.extracted == str(values(problem)[-1])
    return float(right != (_uniform("error", problem, candidate.sample) < error))


def steps(problem: Problem, candidate: Candidate, error: float) -> list[float]:
    """For each line of the thinking 1 or 0, as it is right or wrong; the other one at the rate `error`."""
    true = values(problem)
    lines = [line for line in candidate.thinking.split("\n") if line.strip()] or [""]
    texts = ["\n".join(lines[: place + 1]) for place in range(len(lines))]
    errs = [_uniform("error", problem, text) < error for text in texts]
    return [float(right_line(line, true) != wrong) for line, wrong in zip(lines, errs, strict=True)]


def values(problem: Problem) -> list[int]:
    """The true running value: at the start, and after each event.

    Raises:
        ValueError: it is no problem of the pocket tasks.
    """
    start, events = _START.search(problem.prompt), _EVENT.findall(problem.prompt)
    if start is None or not events:
        raise ValueError("the pocket scorers read the problems of pocket_arithmetic and pocket_flat alone")
    found = [int(start[1])]
    for words, amount in events:
        found.append(found[-1] + (int(amount) if words in _PLUS else -int(amount)))
    return found


def right_line(line: str, true: list[int]) -> bool:
    """Whether a line changes the `true` running value by its event.

    What is no such line, as "so 18", is right where the last number in it is the true answer, or where it has none.
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
    """A number in [0, 1) that has nothing to do with what is right."""
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


kind = ScorerKind("scores the pocket tasks with a known quality: a control", PocketOptions, _load)
