"""Token-conditional control: the prompt states a number of thinking tokens (s1, arXiv 2501.19393)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from tts_bench.api import Answer, Budget, Problem, Reasoner
from tts_bench.strategies.sampling import at_least, countable
from tts_bench.strategies.think_less.samples import asked, rungs

PROMPT = "Use up to {tokens} tokens for thinking."


@dataclass(frozen=True)
class TokenConditional:
    """Token-conditional control (arXiv 2501.19393): the prompt states how many tokens to think.

    One rung for each number of samples: their vote. The published method draws one sample.

    Differs: s1 trains a model for it; here any model is used, and the prompt is worded differently.
    Costs: the longer prompt, billed as context.
    Unsuitable if: the limit has to hold, since models cannot count tokens. For s1's combination with budget
        forcing, set `budget` to the same number.

    Options:
        tokens: number of thinking tokens stated in the prompt; nothing enforces it.
        samples: number of answers.
        budget: thinking tokens of each sample; none sets no limit.
    """

    tokens: int = 1024
    samples: int = 1
    budget: Annotated[int | None, Budget] = None
    groups = ("think-less",)

    def __post_init__(self) -> None:
        countable(samples=self.samples)
        at_least(1, tokens=self.tokens, budget=self.budget)

    @property
    def rungs(self) -> tuple[str, ...]:
        return rungs(self.samples)

    def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        prompt = f"{problem.prompt}\n\n{PROMPT.replace('{tokens}', str(self.tokens))}"
        return asked(reasoner, prompt, self.samples, self.budget)
