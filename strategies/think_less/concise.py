"""Concise answers: the prompt limits the words (arXiv 2407.19825)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from tts_bench.api import Answer, Budget, Problem, Reasoner
from tts_bench.strategies.sampling import at_least, countable
from tts_bench.strategies.think_less.samples import asked, rungs

PROMPT = "Keep the whole of your reasoning and answer within {words} words."


@dataclass(frozen=True)
class Concise:
    """Constrained chain of thought (arXiv 2407.19825): the prompt limits the length in words.

    One rung for each number of samples: their vote. The published method draws one sample.

    Differs: the prompt is worded differently.
    Costs: the longer prompt, billed as context.
    Unsuitable if: the limit has to hold. Nothing enforces it, and small models overshoot; `budget` cuts.

    Options:
        words: total number of words; the paper tries 15, 30, 45, 60 and 100.
        samples: number of answers.
        max_answer: tokens of each answer; none: the limit of the run.
        budget: thinking tokens of each sample; none sets no limit.
    """

    words: int = 45
    samples: int = 1
    max_answer: int | None = None
    budget: Annotated[int | None, Budget] = None
    groups = ("think-less",)

    def __post_init__(self) -> None:
        countable(samples=self.samples)
        at_least(1, words=self.words, max_answer=self.max_answer, budget=self.budget)

    @property
    def rungs(self) -> tuple[str, ...]:
        return rungs(self.samples)

    def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        prompt = f"{problem.prompt}\n\n{PROMPT.replace('{words}', str(self.words))}"
        return asked(reasoner, prompt, self.samples, self.budget, self.max_answer)
