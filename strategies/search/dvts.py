"""Diverse verifier tree search: several greedy step searches that do not compete with each other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Literal

from tts_bench.api import Aggregation, Answer, Budget, Problem, Reasoner
from tts_bench.strategies.sampling import at_least, countable, together
from tts_bench.strategies.search.steps import Path, Search, check_stop, divides
from tts_bench.strategies.weigh.scores import needed


@dataclass(frozen=True)
class DiverseTreeSearch:
    """DVTS (search-and-learn, 2024): n/width trees, in each of which the best of `width` next steps is kept.

    Differs: the thinking is split, not the solution. There is no lookahead, and a step has no length limit of its own.
    The vote is among the trees; in the code, all candidates of each tree's last step vote.
    Costs: every step, including dropped ones; the scorer re-reads each prefix at every step.
    Unsuitable if: the scorer was not trained on partial traces, or the model does not write steps.

    Options:
        n: number of traces that grow at once, over all trees.
        width: candidates for each next step; it divides n.
        rounds: maximum number of steps; the last one runs to the end of thinking.
        stop: the text that ends a step.
        pick: vote, weighted by the scores of the trees, or the answer of the best tree.
        scorer: name of the scorer; empty: the run's only scorer.
        how: how step scores are combined: last, min, prod or mean; none: the scorer's own value.
        budget: thinking tokens of each trace; none sets no limit.
    """

    n: int = 16
    width: int = 4
    rounds: int = 40
    stop: str = "\n\n"
    pick: Literal["vote", "best"] = "vote"
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
        trees = [Search(reasoner, self.stop, self.scorer, self.how, self.budget) for _ in range(self.n // self.width)]
        leaves = await together(self._tree(tree, tree.roots(1, place)[0]) for place, tree in enumerate(trees))
        whole = Search(reasoner, self.stop, self.scorer, self.how, self.budget)
        whole.seen = [score for tree in trees for score in tree.seen]
        yield await (whole.weighted(leaves) if self.pick == "vote" else whole.best(leaves))

    async def _tree(self, tree: Search, path: Path) -> Path:
        for number in range(1, self.rounds + 1):
            forks = [tree.fork(path, copy) for copy in range(self.width)]
            path = max(await tree.grow(forks, whole=number == self.rounds), key=lambda path: path.value)
            if not path.is_open:
                break
        return path
