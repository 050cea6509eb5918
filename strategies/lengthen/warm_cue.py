"""Budget forcing with a different temperature after the cue."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from tts_bench.api import Answer, Budget, Forced, Problem, Reasoner
from tts_bench.strategies.budget_forcing import check, rungs, think_on


@dataclass(frozen=True)
class WarmCue:
    """Budget forcing with a different temperature after the cue (requested in issue 40 of simplescaling/s1).

    Top-k, top-p and min-p are those of the run.

    Differs: no temperature has been published; our default is 1.2, above the usual temperatures of a run.
    Costs: as budget-forcing: each round continues thinking, and each rung has its own answer.
    Unsuitable if: the run's own temperature is already this high: it is then budget-forcing.

    Options:
        cue: the text that replaces the end of thinking.
        temperature: temperature of thinking after a cue; 0 is greedy.
        extensions: number of extensions.
        budget: thinking tokens in all rounds together; none sets no limit.
    """

    cue: Annotated[str, Forced] = "Wait"
    temperature: float = 1.2
    extensions: int = 4
    budget: Annotated[int | None, Budget] = None
    groups = ("lengthen",)

    def __post_init__(self) -> None:
        if not self.cue.strip():
            raise ValueError(f"cue is {self.cue!r}; it takes a text that is not blank, such as Wait")
        if not 0 <= self.temperature < float("inf"):
            raise ValueError(f"temperature is {self.temperature}; it takes a number from 0 upwards")
        check(self.extensions, self.budget)

    @property
    def rungs(self) -> tuple[str, ...]:
        return rungs(self.extensions)

    def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        return think_on(reasoner, [self.cue] * self.extensions, self.budget, self.temperature)
