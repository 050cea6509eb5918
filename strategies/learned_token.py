"""Budget forcing with a learned continue-thinking token (arXiv 2506.11274) instead of a word."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from tts_bench.api import Answer, Budget, Forced, LearnedToken, Problem, Reasoner
from tts_bench.strategies.budget_forcing import check, rungs, think_on


@dataclass(frozen=True)
class LearnedTokenForcing:
    """Learned continue-thinking token (arXiv 2506.11274): replace the end of thinking by a token trained for the model.

    One rung for each number of extensions; x0 is the model's own end.

    Differs: nothing in how the token is used; docs/learned-token.md describes how it is trained here.
    Costs: one inserted token for each extension. Its training is not billed.
    Unsuitable if: no token was trained for this exact model; an embedding row of one model is noise in another.

    Options:
        token: a token folder or its hub id, trained for the model of the run; none: the one shipped for that model.
        extensions: number of extensions.
        budget: thinking tokens in all rounds together; none sets no limit.
    """

    token: Annotated[LearnedToken | None, Forced] = None
    extensions: int = 4
    budget: Annotated[int | None, Budget] = None

    def __post_init__(self) -> None:
        check(self.extensions, self.budget)

    @property
    def rungs(self) -> tuple[str, ...]:
        return rungs(self.extensions)

    def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        if self.token is None:
            raise ValueError("no token was given, and none ships for this model")
        return think_on(reasoner, [self.token] * self.extensions, self.budget)
