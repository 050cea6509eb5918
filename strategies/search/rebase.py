"""REBASE: a tree search that allocates its width by score (arXiv 2408.00724)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Literal

from tts_bench.api import Aggregation, Answer, Budget, Problem, Reasoner
from tts_bench.strategies.sampling import at_least, countable
from tts_bench.strategies.search.steps import Path, Search, check_stop, shares
from tts_bench.strategies.weigh.scores import needed


@dataclass(frozen=True)
class Rebase:
    """REBASE (arXiv 2408.00724): unfinished traces get next steps in proportion to exp(score/T).

    Each finished trace takes one place of the width. From the best trace down, each of the others gets its share of
    the remaining places, rounded up, so that the places add up to the width and poor traces get none.

    Differs: a tolerance of 1e-9 before rounding absorbs rounding errors; the last step runs to the end of thinking
        instead of leaving traces without an answer; the thinking is split, not the solution.
    Costs: every step, including dropped ones; the scorer re-reads each prefix at every step.
    Unsuitable if: scores are not between 0 and 1: the temperature is meant for that range.

    Options:
        width: number of finished traces to produce.
        temperature: temperature of the softmax over scores.
        rounds: maximum depth of the tree, in steps.
        stop: the text that ends a step.
        pick: vote, weighted by scores, or the answer of the best trace.
        scorer: name of the scorer; empty: the run's only scorer.
        how: how step scores are combined: last, min, prod or mean; none: the scorer's own value.
        budget: thinking tokens of each trace; none sets no limit.
    """

    width: int = 16
    temperature: float = 0.2
    rounds: int = 25
    stop: str = "\n\n"
    pick: Literal["vote", "best"] = "vote"
    scorer: str = ""
    how: Aggregation | None = None
    budget: Annotated[int | None, Budget] = None
    groups = ("search",)

    def __post_init__(self) -> None:
        countable(width=self.width, rounds=self.rounds)
        at_least(1, budget=self.budget)
        check_stop(self.stop)
        if not 0 < self.temperature < float("inf"):
            raise ValueError(f"temperature is {self.temperature}; it takes a number above 0")

    @property
    def needs(self) -> tuple[str, ...]:
        return ("stops", *needed(self.scorer))

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        search = Search(reasoner, self.stop, self.scorer, self.how, self.budget)
        going, finished = search.roots(self.width), list[Path]()
        for number in range(1, self.rounds + 1):
            grown = await search.grow(going, whole=number == self.rounds)
            finished += [path for path in grown if not path.is_open]
            ranked = sorted((path for path in grown if path.is_open), key=lambda path: -path.value)
            if not ranked:
                break
            children = shares([path.value for path in ranked], self.width - len(finished), self.temperature)
            going = [search.fork(path, copy) for path, n in zip(ranked, children, strict=True) for copy in range(n)]
        yield await (search.weighted(finished) if self.pick == "vote" else search.best(finished))
