"""Budget forcing with a learned continue-thinking token (arXiv 2506.11274) in the place of a word."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from tts_bench.api import Answer, LearnedToken, Problem, Reasoner

from .budget_forcing import check, rungs, think_on


@dataclass(frozen=True)
class LearnedTokenForcing:
    """Replace the end of thinking by a learned token, several times; one rung for each number of extensions.

    Options:
        token: the folder of a token file, trained for the model of the run.
        extensions: how often.
        budget: thinking tokens that all rounds share; none sets no limit.
    """

    token: LearnedToken = field(metadata={"help": "No token is shipped yet: pass the folder of your own."})
    extensions: int = 4
    budget: int | None = None

    def __post_init__(self) -> None:
        check(self.extensions, self.budget)

    @property
    def rungs(self) -> tuple[str, ...]:
        return rungs(self.extensions)

    def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        return think_on(reasoner, self.token, self.extensions, self.budget)
