"""Budget forcing (s1, arXiv 2501.19393): a cue replaces the end of thinking, so the model continues."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from tts_bench.api import Answer, Budget, Cue, Forced, Problem, Reasoner
from tts_bench.strategies.sampling import feasible


async def think_on(
    reasoner: Reasoner, cues: Sequence[Cue], budget: int | None, temperature: float | None = None
) -> AsyncIterator[Answer]:
    """Answer after thinking; then for each of `cues`, replace the end of thinking by it, continue and answer.

    `budget` is thinking tokens in all rounds together; None sets no limit. `temperature` applies to thinking after
    a cue; None: the run's own.
    """
    trace = await reasoner.think(max_tokens=budget)
    yield await reasoner.answer(trace)
    for cue in cues:
        trace = reasoner.force(trace, cue, max_tokens=budget)
        if temperature is None:
            trace = await reasoner.think(trace, max_tokens=budget)
        else:
            warm = replace(reasoner.sampling(trace), temperature=temperature)
            trace = await reasoner.think(trace, max_tokens=budget, sampling=warm)
        yield await reasoner.answer(trace)


def rungs(extensions: int) -> tuple[str, ...]:
    """Names of the answers that `think_on` yields: x0, x1 ..."""
    return tuple(f"x{index}" for index in range(extensions + 1))


def check(extensions: int, budget: int | None) -> None:
    """Raises:
    ValueError: a number is out of range.
    """
    if extensions < 0:
        raise ValueError(f"extensions is {extensions}; it takes a whole number from 0 upwards")
    feasible(extensions=extensions)
    if budget is not None and budget < 1:
        raise ValueError(f"budget is {budget}; it takes a number of tokens from 1 upwards, or none")


@dataclass(frozen=True)
class BudgetForcing:
    """Budget forcing (s1, arXiv 2501.19393, section 3): replace the end of thinking by a cue such as "Wait".

    One rung for each number of extensions; x0 is the model's own end.

    Differs: a budget only limits thinking; cues are not used to fill it up.
    Costs: inserted cues, as forced tokens. Answers of earlier rungs are spent but not billed.
    Unsuitable if: the model's first thinking reaches its limit, since no cue is inserted then.

    Options:
        cue: the text that replaces the end of thinking.
        extensions: number of extensions.
        budget: thinking tokens in all rounds together; none sets no limit.
    """

    cue: Annotated[str, Forced] = "Wait"
    extensions: int = 4
    budget: Annotated[int | None, Budget] = None
    groups = ("lengthen",)

    def __post_init__(self) -> None:
        if not self.cue.strip():
            raise ValueError(f"cue is {self.cue!r}; it takes a text that is not blank, such as Wait")
        check(self.extensions, self.budget)

    @property
    def rungs(self) -> tuple[str, ...]:
        return rungs(self.extensions)

    def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        return think_on(reasoner, [self.cue] * self.extensions, self.budget)
