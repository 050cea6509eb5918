"""Class-conditional control: the prompt asks for short or long thinking (s1, arXiv 2501.19393)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Literal

from tts_bench.api import Answer, Budget, Problem, Reasoner
from tts_bench.strategies.sampling import at_least, countable
from tts_bench.strategies.think_less.samples import asked, rungs

PROMPTS = {
    "short": "Think only briefly before you answer.",
    "long": "Think for a long time before you answer.",
}


@dataclass(frozen=True)
class ClassConditional:
    """Class-conditional control (arXiv 2501.19393): the prompt asks for short or for long thinking.

    One rung for each number of samples: their vote. The published method draws one sample.

    Differs: the prompts are worded differently.
    Costs: the longer prompt, billed as context.
    Unsuitable if: you need a specific length. There are only two classes, and s1 found both less accurate than no
    instruction.

    Options:
        length: the requested length, short or long.
        samples: number of answers.
        budget: thinking tokens of each sample; none sets no limit.
    """

    length: Literal["short", "long"] = "short"
    samples: int = 1
    budget: Annotated[int | None, Budget] = None
    groups = ("think-less",)

    def __post_init__(self) -> None:
        countable(samples=self.samples)
        at_least(1, budget=self.budget)

    @property
    def rungs(self) -> tuple[str, ...]:
        return rungs(self.samples)

    def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        prompt = f"{problem.prompt}\n\n{PROMPTS[self.length]}"
        return asked(reasoner, prompt, self.samples, self.budget)
