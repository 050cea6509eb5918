"""Step-conditional control: steps are counted down inside the thinking (s1, arXiv 2501.19393)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from tts_bench.api import Answer, Budget, Forced, Problem, Reasoner
from tts_bench.strategies.sampling import at_least, countable
from tts_bench.strategies.think_less.samples import rungs, votes

PROMPT = "Think in at most {steps} steps of about 100 tokens each. The steps that are left are counted for you."


@dataclass(frozen=True)
class StepConditional:
    """Step-conditional control (arXiv 2501.19393): the prompt states a number of steps, which is counted down.

    After each step, a text with the number of remaining steps is inserted into the thinking. At 0, the model
    continues freely. One rung for each number of samples: their vote. The published method draws one sample.

    Differs: s1 trains a model that writes the count itself; here it is inserted, any model is used, and the prompt
    is worded differently.
    Costs: the counts, billed as forced, and the longer prompt, billed as context.
    Unsuitable if: a length in tokens has to hold. s1 found that models make the steps shorter or longer instead.

    Options:
        steps: number of steps stated in the prompt; nothing enforces it.
        stop: the text that ends a step.
        reminder: the text inserted after a step; {left} is the number of remaining steps.
        samples: number of answers.
        budget: thinking tokens of each sample; none sets no limit.
    """

    steps: int = 16
    stop: str = "\n\n"
    reminder: Annotated[str, Forced] = "{left} steps left.\n\n"
    samples: int = 1
    budget: Annotated[int | None, Budget] = None
    groups = ("think-less",)
    needs = ("stops",)

    def __post_init__(self) -> None:
        countable(samples=self.samples)
        at_least(1, steps=self.steps, budget=self.budget)
        if not self.stop:
            raise ValueError("stop is ''; it takes a text that ends a step, such as a blank line")
        if not self.reminder.strip():
            raise ValueError(f"reminder is {self.reminder!r}; it takes a text that is not blank")

    @property
    def rungs(self) -> tuple[str, ...]:
        return rungs(self.samples)

    def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        said = PROMPT.replace("{steps}", str(self.steps))
        return votes(reasoner.ask(f"{problem.prompt}\n\n{said}"), self.samples, self._sample)

    async def _sample(self, door: Reasoner) -> Answer:
        trace = await door.think(stop=[self.stop], max_tokens=self.budget)
        for left in reversed(range(self.steps)):
            if not trace.stopped:
                break
            whole, said = door.put(trace, trace.stopped), self.reminder.replace("{left}", str(left))
            counted = door.put(whole, said, max_tokens=self.budget)
            trace = await door.think(counted, stop=[self.stop] if left else (), max_tokens=self.budget)
        return await door.answer(trace)
