"""NoThinking: the thinking is a fixed sentence saying that it is over (arXiv 2504.09858)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from tts_bench.api import Answer, Forced, Problem, Reasoner
from tts_bench.strategies.sampling import at_least, countable
from tts_bench.strategies.think_less.samples import rungs, votes


@dataclass(frozen=True)
class NoThinking:
    """NoThinking (arXiv 2504.09858): the thinking is a fixed sentence, and the model answers right away.

    Samples are drawn in parallel. One rung for each number of them: their vote.

    Differs: the paper weights samples by their confidence; here they vote equally.
    Costs: the model may write its reasoning in the answer instead, which is billed as answer.
    Unsuitable if: `max_answer` is too small for reasoning in the answer, since the model is then cut off before its
    result.

    Options:
        text: the inserted thinking. Its exact characters matter, including the line break at the end.
        samples: number of answers.
        max_answer: tokens of each answer; none: the limit of the run.
    """

    text: Annotated[str, Forced] = "Okay, I think I have finished thinking.\n"
    samples: int = 16
    max_answer: int | None = None
    groups = ("think-less",)

    def __post_init__(self) -> None:
        countable(samples=self.samples)
        at_least(1, max_answer=self.max_answer)
        if not self.text.strip():
            raise ValueError(f"text is {self.text!r}; it takes a text that is not blank")

    @property
    def rungs(self) -> tuple[str, ...]:
        return rungs(self.samples)

    def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        return votes(reasoner, self.samples, self._sample)

    async def _sample(self, door: Reasoner) -> Answer:
        return await door.answer(door.put(None, self.text), max_tokens=self.max_answer)
