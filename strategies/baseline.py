"""Think once, up to one or several budgets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated

from tts_bench.api import Answer, Budget, Problem, Reasoner, Trace


@dataclass(frozen=True)
class Baseline:
    """Think once and answer. With budgets: one rung per budget, all from one trace.

    Differs: nothing. It is the control against which every other strategy is compared.
    Costs: each rung costs one trace of its length and its own answer. Answers of earlier rungs are spent but not
    billed.
    Unsuitable if: you want one number for all budgets, since small budgets cut most thinking.

    Options:
        budgets: rising numbers of thinking tokens, such as 64+128+256. At each, thinking is closed and the model
            answers, as if this had been its limit. Empty: one rung, with unlimited thinking.
    """

    budgets: Annotated[tuple[int, ...], Budget] = ()
    groups = ("controls",)

    def __post_init__(self) -> None:
        rising = all(low < high for low, high in pairwise(self.budgets))
        if not rising or any(budget < 1 for budget in self.budgets):
            raise ValueError(
                f"budgets is {'+'.join(map(str, self.budgets))}; it takes rising numbers of tokens from 1 upwards, "
                f"each once, such as 64+128+256"
            )

    @property
    def rungs(self) -> tuple[str, ...]:
        return tuple(map(str, self.budgets)) or ("full",)

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        trace: Trace | None = None
        for budget in self.budgets or (None,):
            if trace is None or not trace.thinking_ended:
                trace = await reasoner.think(trace, max_tokens=budget)
            yield await reasoner.answer(trace)
