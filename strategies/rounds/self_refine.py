"""Self-refine: the model checks its answer and revises it (arXiv 2303.17651)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Literal

from tts_bench.api import Answer, Budget, Problem, Reasoner, Turn
from tts_bench.strategies.rounds.prompts import CHECK, REVISE, agrees, approves
from tts_bench.strategies.sampling import at_least, countable, once


@dataclass(frozen=True)
class SelfRefine:
    """Self-refine (arXiv 2303.17651): the model checks its answer and revises it until the check passes.

    One rung for each number of revisions, 0 to all.

    Differs: the prompts are worded differently and have no examples, and the conversation contains only the last
        answer and the remarks on it, not the earlier ones.
    Costs: two generations for each revision, and the check that passes, one after another.
    Unsuitable if: only the model itself can check answers, as in arithmetic: it may then revise right answers into
    wrong ones.

    Options:
        rounds: maximum number of revisions.
        until: when to stop: when the check ends in the word CORRECT (verdict), when it gives the same answer
            (agreement), or never.
        budget: thinking tokens of each generation; none sets no limit.
    """

    rounds: int = 4
    until: Literal["verdict", "agreement", "never"] = "verdict"
    budget: Annotated[int | None, Budget] = None
    groups = ("rounds",)

    def __post_init__(self) -> None:
        countable(rounds=self.rounds)
        at_least(1, budget=self.budget)

    @property
    def rungs(self) -> tuple[str, ...]:
        return tuple(map(str, range(self.rounds + 1)))

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        answer = await once(reasoner, self.budget)
        yield answer
        for number in range(1, self.rounds + 1):
            fresh = reasoner.branch(str(number))
            talk = [Turn("user", problem.prompt), Turn("assistant", answer.text), Turn("user", CHECK)]
            comment = await once(fresh.ask(talk, seen=[answer]), self.budget)
            passed = {"verdict": approves(comment), "agreement": agrees(comment, answer)}
            if passed.get(self.until):
                yield reasoner.choose(answer, seen=[comment])
                return
            talk += [Turn("assistant", comment.text), Turn("user", REVISE)]
            answer = await once(fresh.ask(talk, seen=[comment]), self.budget)
            yield answer
