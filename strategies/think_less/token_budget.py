"""Token budgets in the prompt: estimated by the model (TALE, arXiv 2412.18547), or fixed (L1, arXiv 2503.04697)."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Annotated

from tts_bench.api import Answer, Budget, Problem, Reasoner
from tts_bench.strategies.sampling import at_least, countable, once, pool
from tts_bench.strategies.think_less.samples import rungs

ESTIMATE = "Do not solve this problem. How many tokens are needed to solve it step by step? Answer with one number."
WITHIN = "Solve it step by step in less than {tokens} tokens."
AT_MOST = "Think for at most {tokens} tokens."


_NUMBER = re.compile(r"(\d{1,3}(?:,\d{3})+|\d+)(\.\d+)?(?:e\+?(\d{1,2}))?(k)?", re.IGNORECASE)
_MOST = 10**7  # tokens; a larger number is no estimate


def estimated(text: str) -> int | None:
    """The last number in a text, rounded up, with 1.5k and 1e3 as usual; None if there is none that can be a length."""
    numbers = _NUMBER.findall(text)
    whole, part, exponent, thousands = numbers[-1] if numbers else ("0", "", "", "")
    if len(whole + part) > 20:
        return None
    number = ceil(Fraction(whole.replace(",", "") + part) * 10 ** int(exponent or 0) * (1000 if thousands else 1))
    return number if 0 < number <= _MOST else None


@dataclass(frozen=True)
class TokenBudget:
    """TALE-EP (arXiv 2412.18547): the model estimates the tokens it needs and is then told that number.

    With `tokens`, the prompt states that number and nothing is estimated, as in L1 (arXiv 2503.04697). One rung for
    each number of samples: their vote. The published methods draw one sample.

    Differs: the prompts are worded differently. If the estimate contains no number, the question stays unchanged.
    Costs: the estimate with its thinking, once and before all samples, and the longer prompt, as context.
    Unsuitable if: the limit has to hold, since nothing enforces it. L1 needs models that were trained for it, and a
        number that is too small can make answers longer.

    Options:
        tokens: the number stated in the prompt; none: the model estimates it.
        samples: number of answers.
        budget: thinking tokens of each generation; none sets no limit.
    """

    tokens: int | None = None
    samples: int = 1
    budget: Annotated[int | None, Budget] = None
    groups = ("think-less",)

    def __post_init__(self) -> None:
        countable(samples=self.samples)
        at_least(1, tokens=self.tokens, budget=self.budget)

    @property
    def rungs(self) -> tuple[str, ...]:
        return rungs(self.samples)

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        if self.tokens is None:
            estimate = await once(reasoner.ask(f"{problem.prompt}\n\n{ESTIMATE}"), self.budget)
            seen, tokens, told = [estimate], estimated(estimate.text), WITHIN
        else:
            seen, tokens, told = [], self.tokens, AT_MOST
        said = f"\n\n{told.replace('{tokens}', str(tokens))}" if tokens else ""
        answers = await pool(reasoner.ask(f"{problem.prompt}{said}", seen=seen), range(self.samples), self.budget)
        for count in range(1, self.samples + 1):
            yield reasoner.vote(answers[:count])
