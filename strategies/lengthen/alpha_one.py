"""AlphaOne: slow thinking up to the alpha moment, fast thinking after it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Annotated

from tts_bench.api import Answer, Budget, Forced, Problem, Reasoner
from tts_bench.strategies.sampling import at_least, fraction


@dataclass(frozen=True)
class AlphaOne:
    """AlphaOne (arXiv 2505.24863): "Wait" is inserted at random up to a moment; after that, it ends thinking.

    "Wait" comes after paragraphs. The moment is at alpha x length tokens of thinking. The probability falls
    linearly from its start to 0 at the moment.

    Differs: the length is an option. The code has one for each model and data set; the default here is that of
    R1-Distill-1.5B on MATH500. In the code, the probability starts at 1. Random numbers are those of the problem and
    the run.
    Costs: the cues, as forced tokens, and the thinking after them.
    Unsuitable if: the length is wrong for the model on the task, since thinking then ends before the moment, or
    long after.

    Options:
        alpha: position of the moment, in average lengths of thinking; 0 ends thinking at the first cue.
        length: average tokens of thinking on the task.
        start: probability of a cue after the first paragraph, from 0 to 1.
        cue: the inserted text, which ends thinking after the moment.
        budget: thinking tokens; none sets no limit.
    """

    alpha: float = 1.4
    length: int = 2450
    start: float = 0.4
    cue: Annotated[str, Forced] = "Wait"
    budget: Annotated[int | None, Budget] = None
    groups = ("lengthen",)
    needs = ("stops",)

    def __post_init__(self) -> None:
        at_least(1, length=self.length, budget=self.budget)
        fraction(start=self.start)
        if not 0 <= self.alpha * self.length < float("inf"):
            raise ValueError(
                f"alpha is {self.alpha}; it takes a number from 0 upwards, alpha x length finite, such as 1.4"
            )
        if not self.cue.strip():
            raise ValueError(f"cue is {self.cue!r}; it takes a text that is not blank, such as Wait")

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        moment = ceil(Fraction(str(self.alpha)) * self.length)  # as written: 1.1 x 100 is 110, and above it in floats
        slow = min(moment, self.budget or moment)
        trace = await reasoner.think(stop=["\n\n"], max_tokens=slow) if moment else None
        chance = reasoner.random("wait")
        while trace and trace.stopped and not trace.truncated and trace.thinking_tokens < slow:
            if chance.random() < self.start * (1 - trace.thinking_tokens / moment):
                trace = reasoner.put(reasoner.put(trace, trace.stopped), self.cue, max_tokens=slow)
            trace = await reasoner.think(trace, stop=["\n\n"], max_tokens=slow)
        if trace is None or not trace.thinking_ended:
            trace = await reasoner.think(trace, stop=[self.cue], max_tokens=self.budget)
        yield await reasoner.answer(trace)
