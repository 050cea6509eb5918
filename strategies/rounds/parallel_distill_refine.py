"""Parallel-distill-refine: drafts are distilled into notes, from which the next drafts start (arXiv 2510.01123)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Annotated

from tts_bench.api import Answer, Budget, Problem, Reasoner
from tts_bench.strategies.rounds.prompts import DISTIL, MEND, MERGE, NOTES, below
from tts_bench.strategies.sampling import at_least, feasible, once, pool


@dataclass(frozen=True)
class ParallelDistillRefine:
    """PDR (arXiv 2510.01123): rounds of parallel drafts, each from a digest of the last round; then one.

    The digest is a summary that the model writes, or k randomly drawn drafts. Thinking is never carried over.

    Differs: the prompts are worded differently, the length of a summary is not limited, and digests from the
        model's own choice of its best drafts are not implemented.
    Costs: all drafts and summaries; of drafts drawn at random, those alone, since the others are not read. Latency is
        that of the longest draft of each round, which is the purpose of the method: at equal total tokens, the paper
        finds it no better than refining one draft.
    Unsuitable if: the context is short, since all drafts of a round have to fit into the prompt for the summary.

    Options:
        drafts: drafts in each round, such as 16+8+4; one last answer follows. Empty: the baseline.
        k: drafts drawn at random as the digest; 0: a summary by the model.
        budget: thinking tokens of each generation; none sets no limit.
    """

    drafts: tuple[int, ...] = (16, 8, 4)
    k: int = 0
    budget: Annotated[int | None, Budget] = None
    groups = ("rounds",)

    def __post_init__(self) -> None:
        at_least(0, k=self.k)
        at_least(1, drafts=min(self.drafts, default=1), budget=self.budget)
        feasible(drafts=max(self.drafts, default=1), k=self.k)
        if self.k > min(self.drafts, default=self.k):
            raise ValueError(f"k is {self.k}; it takes at most the least number of drafts, {min(self.drafts)}")

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        door = reasoner
        for number, count in enumerate(self.drafts):
            drafts = await pool(door, range(count), self.budget)
            door = await self._digest(number, drafts, problem, reasoner)
        yield await once(door, self.budget)

    async def _digest(self, number: int, drafts: Sequence[Answer], problem: Problem, reasoner: Reasoner) -> Reasoner:
        """A handle whose prompt contains the digest of these drafts."""
        fresh = reasoner.branch(str(number + 1))
        shown = reasoner.random(f"round {number}").sample(drafts, self.k) if self.k else drafts
        texts = [draft.text for draft in shown]
        if self.k:
            return fresh.ask(below(problem.prompt, MERGE if self.k > 1 else MEND, texts), seen=shown)
        notes = await once(fresh.ask(below(problem.prompt, DISTIL, texts), seen=drafts), self.budget)
        return fresh.ask(below(problem.prompt, NOTES, [notes.text]), seen=[notes])
