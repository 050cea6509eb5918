"""Beam search over steps of thinking, guided by a scorer (arXiv 2408.03314)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from tts_bench.api import Aggregation, Answer, Budget, Problem, Reasoner
from tts_bench.strategies.sampling import at_least, countable
from tts_bench.strategies.search.steps import Path, Search, check_stop, divides
from tts_bench.strategies.weigh.scores import needed


@dataclass(frozen=True)
class BeamSearch:
    """Beam search (arXiv 2408.03314): in each round, n partial traces grow by a step and are scored.

    The best n/width unfinished traces continue, copied until there are n again. Finished traces leave the beam; the
    one with the highest score is answered.

    Differs: search-and-learn splits the solution; here the thinking is split. A step has no length limit of its
        own, and identical beams are not merged. The search ends when n traces have finished; search-and-learn goes on,
        but takes the first n unless it is told to sort them.
    Costs: every step of every beam, including dropped ones; the scorer re-reads each prefix in every round.
    Unsuitable if: the scorer was not trained on partial traces, or the model does not write steps.

    Options:
        n: number of traces in the beam.
        width: copies of each kept trace; it divides n.
        rounds: maximum number of steps; the last one runs to the end of thinking.
        stop: the text that ends a step.
        scorer: name of the scorer; empty: the run's only scorer.
        how: how step scores are combined: last, min, prod or mean; none: the scorer's own value.
        budget: thinking tokens of each trace; none sets no limit.
    """

    n: int = 16
    width: int = 4
    rounds: int = 40
    stop: str = "\n\n"
    scorer: str = ""
    how: Aggregation | None = None
    budget: Annotated[int | None, Budget] = None
    groups = ("search",)

    def __post_init__(self) -> None:
        countable(n=self.n, width=self.width, rounds=self.rounds)
        at_least(1, budget=self.budget)
        divides(self.width, self.n)
        check_stop(self.stop)

    @property
    def needs(self) -> tuple[str, ...]:
        return ("stops", *needed(self.scorer))

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        search = Search(reasoner, self.stop, self.scorer, self.how, self.budget)
        going, finished = search.roots(self.n), list[Path]()
        for number in range(1, self.rounds + 1):
            grown = await search.grow(going, whole=number == self.rounds)
            finished += [path for path in grown if not path.is_open]
            ranked = sorted((path for path in grown if path.is_open), key=lambda path: -path.value)
            kept = ranked[: self.n // self.width]  # the sort is stable: ties go to the first
            if not kept or len(finished) >= self.n:
                break
            going = [search.fork(kept[place % len(kept)], place // len(kept)) for place in range(self.n)]
        yield await search.best(finished)
