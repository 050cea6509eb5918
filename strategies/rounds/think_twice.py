"""Think twice: answer again, with the previous answer in the prompt (arXiv 2503.19855)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Literal

from tts_bench.api import Answer, Budget, Problem, Reasoner
from tts_bench.strategies.rounds.prompts import AGAIN
from tts_bench.strategies.sampling import at_least, countable, once


@dataclass(frozen=True)
class ThinkTwice:
    """Think twice (arXiv 2503.19855): each round repeats the question and quotes the answer of the previous round.

    Only the answer is carried over; its thinking is dropped. One rung for each round.

    Differs: the prompt is worded differently.
    Costs: all rounds, one after another; each reads the question and the quoted answer.
    Unsuitable if: first answers are often wrong, since models tend to repeat a quoted answer.

    Options:
        rounds: number of answers; the first is the baseline's.
        quote: the whole text of the answer, or only the extracted answer if there is one.
        budget: thinking tokens of each round; none sets no limit.
    """

    rounds: int = 4
    quote: Literal["text", "extracted"] = "text"
    budget: Annotated[int | None, Budget] = None
    groups = ("rounds",)

    def __post_init__(self) -> None:
        countable(rounds=self.rounds)
        at_least(1, budget=self.budget)

    @property
    def rungs(self) -> tuple[str, ...]:
        return tuple(str(count + 1) for count in range(self.rounds))

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        answer = await once(reasoner, self.budget)
        yield answer
        for number in range(1, self.rounds):
            extracted = answer.extracted if self.quote == "extracted" else None
            said = AGAIN.replace("{answer}", extracted or answer.text.strip())
            fresh = reasoner.branch(str(number))  # quoting the same answer must not repeat the same sample
            answer = await once(fresh.ask(f"{problem.prompt}\n\n{said}", seen=[answer]), self.budget)
            yield answer
