"""Sequential refinement: one draft, revised several times (arXiv 2510.01123)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from tts_bench.api import Answer, Budget, Problem, Reasoner
from tts_bench.strategies.rounds.prompts import MEND, below
from tts_bench.strategies.sampling import at_least, countable, once


@dataclass(frozen=True)
class SequentialRefinement:
    """SR (arXiv 2510.01123): each round reads the previous draft, without its thinking, and writes a better one.

    It is parallel-distill-refine with one draft in each round. One rung for each round.

    Differs: the prompt is worded differently.
    Costs: all rounds, one after another; each reads the problem and the previous draft.
    Unsuitable if: latency matters, or the model's answers are too short to be improved, since the draft is the
    answer alone.

    Options:
        rounds: drafts in all; the first is the baseline's.
        budget: thinking tokens of each round; none sets no limit.
    """

    rounds: int = 4
    budget: Annotated[int | None, Budget] = None
    groups = ("rounds",)

    def __post_init__(self) -> None:
        countable(rounds=self.rounds)
        at_least(1, budget=self.budget)

    @property
    def rungs(self) -> tuple[str, ...]:
        return tuple(str(count + 1) for count in range(self.rounds))

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        draft = await once(reasoner, self.budget)
        yield draft
        for number in range(1, self.rounds):
            fresh = reasoner.branch(str(number))
            draft = await once(fresh.ask(below(problem.prompt, MEND, [draft.text]), seen=[draft]), self.budget)
            yield draft
