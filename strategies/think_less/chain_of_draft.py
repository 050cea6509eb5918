"""Chain of Draft: the prompt asks for a few words per step (arXiv 2502.18600)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from tts_bench.api import Answer, Budget, Problem, Reasoner
from tts_bench.strategies.sampling import at_least, countable
from tts_bench.strategies.think_less.samples import asked, rungs

PROMPT = "Reason step by step, but note each step as a draft of at most {words} words."


@dataclass(frozen=True)
class ChainOfDraft:
    """Chain of Draft (arXiv 2502.18600): the prompt asks for steps of at most five words each.

    One rung for each number of samples: their vote. The published method draws one sample.

    Differs: there are no examples, the prompt is worded differently, and the task's own answer format stays.
    Costs: the longer prompt, billed as context.
    Unsuitable if: the model is small or thinks in a separate block, since it then hardly obeys the limit.

    Options:
        words: maximum number of words in each step.
        samples: number of answers.
        max_answer: tokens of each answer; none: the limit of the run.
        budget: thinking tokens of each sample; none sets no limit.
    """

    words: int = 5
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
