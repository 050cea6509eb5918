"""Early-stopping self-consistency (arXiv 2401.10480)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from tts_bench.api import Answer, Budget, Problem, Reasoner
from tts_bench.strategies.sampling import at_least, countable
from tts_bench.strategies.vote_early.drawing import Said, drawn


@dataclass(frozen=True)
class EarlyStopping:
    """ESC (arXiv 2401.10480): draw samples in windows, until all answers of a window are the same; vote.

    The single rung is named by the cap, and costs what was drawn up to the stop.

    Differs: the cap is 16, not 40, as for all votes here. The vote is over all samples drawn; the authors' code
    returns the answer of the unanimous window. If the cap is not a multiple of the window, the last window is
    shorter; their code drops it. A window with an answer that cannot be extracted is not unanimous.
    Costs: windows are always completed and drawn one after another, so latency is the sum of their longest samples.
    Unsuitable if: answers are rarely unanimous, as on hard problems: it is then the plain vote, but slower.

    Options:
        window: samples drawn at once, all of which must agree.
        cap: maximum number of samples.
        budget: thinking tokens of each sample; none sets no limit.
    """

    window: int = 5
    cap: int = 16
    budget: Annotated[int | None, Budget] = None
    groups = ("vote-early", "cheap")

    def __post_init__(self) -> None:
        countable(cap=self.cap)
        at_least(1, window=self.window, budget=self.budget)
        if self.window > self.cap:
            raise ValueError(f"window is {self.window}; it takes at most the cap, {self.cap}")

    @property
    def rungs(self) -> tuple[str, ...]:
        return (str(self.cap),)

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        totals = (*range(self.window, self.cap, self.window), self.cap)
        yield reasoner.vote(await drawn(reasoner, totals, self.decided, self.budget))

    def decided(self, said: Said) -> bool:
        window = set(said[-self.window :])
        return len(window) == 1 and window != {None}
