"""Budget forcing with a random cue in each round."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from tts_bench.api import Answer, Budget, Forced, Problem, Reasoner
from tts_bench.strategies.budget_forcing import check, rungs, think_on


@dataclass(frozen=True)
class MixedCues:
    """Budget forcing with a random cue in each round, from the cues of s1's ablation (arXiv 2501.19393).

    Differs: s1 tries one cue at a time. Here each round draws one, with random numbers of the problem and the run.
    Costs: as budget-forcing: each round continues thinking, and each rung has its own answer.
    Unsuitable if: you want to know which cue works; run budget-forcing with each cue.

    Options:
        cues: texts; one drawn at random replaces the end of thinking.
        extensions: number of extensions.
        budget: thinking tokens in all rounds together; none sets no limit.
    """

    cues: Annotated[tuple[str, ...], Forced] = ("Wait", "Hmm", "Alternatively")
    extensions: int = 4
    budget: Annotated[int | None, Budget] = None
    groups = ("lengthen",)

    def __post_init__(self) -> None:
        if not self.cues or not all(cue.strip() for cue in self.cues):
            raise ValueError(f"cues is {self.cues}; it takes texts that are not blank, such as Wait and Hmm")
        check(self.extensions, self.budget)

    @property
    def rungs(self) -> tuple[str, ...]:
        return rungs(self.extensions)

    def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        drawn = [reasoner.random(f"cue {place}").choice(self.cues) for place in range(self.extensions)]
        return think_on(reasoner, drawn, self.budget)
