"""Generative selection (arXiv 2504.16891)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Annotated

from tts_bench.api import Answer, Budget, Problem, Reasoner
from tts_bench.strategies.sampling import at_least, countable, once, pool, together
from tts_bench.strategies.weigh.judging import choice, shown

PROMPT = """{problem}

Below are {count} candidate solutions to this problem. Some of them may be wrong.

{candidates}

Check each candidate, compare where they differ, and decide which one is most likely right. End with a line that says
"Choice: " and the number of that candidate."""


@dataclass(frozen=True)
class GenSelect:
    """GenSelect (arXiv 2504.16891; NeMo-Skills): the model is shown several answers and picks the best.

    Candidates are shuffled and shown in windows; the winners of windows meet again, until one is left. The single rung
    is named by the number of samples.

    Differs: the prompt is worded differently, and the judge is the same model with the run's sampling settings. A
    reply that names no candidate picks the first one shown, which is random because of the shuffle; the record then
    has a reply without "Choice: ". Samples without an extracted answer are left out, as the original leaves out
    unfinished ones.
    Costs: the model re-reads every answer at least once, and thinks about each window as long as about a problem.
    Unsuitable if: answers without their thinking reveal little of how they were found: the judge then solves the
    problem again.

    Options:
        samples: number of samples.
        window: number of candidates shown at once.
        budget: thinking tokens of each sample and of each choice; none sets no limit.
    """

    samples: int = 16
    window: int = 8
    budget: Annotated[int | None, Budget] = None
    groups = ("weigh",)

    def __post_init__(self) -> None:
        countable(samples=self.samples)
        at_least(1, budget=self.budget)
        at_least(2, window=self.window)

    @property
    def rungs(self) -> tuple[str, ...]:
        return (str(self.samples),)

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        seen = await pool(reasoner, range(self.samples), self.budget)
        left = [answer for answer in seen if answer.extracted is not None] or seen[:1]
        left = reasoner.random("order").sample(left, len(left))
        while len(left) > 1:
            windows = [left[start : start + self.window] for start in range(0, len(left), self.window)]
            picked = await together(self.pick(problem, reasoner, window, seen) for window in windows)
            left = [winner for winner, _ in picked]
            seen = [*seen, *(reply for _, replies in picked for reply in replies)]
        yield reasoner.choose(left[0], seen=seen)

    async def pick(
        self, problem: Problem, reasoner: Reasoner, window: Sequence[Answer], seen: Sequence[Answer]
    ) -> tuple[Answer, list[Answer]]:
        """The winner of a window, and the judge's reply unless it was alone."""
        if len(window) == 1:
            return window[0], []
        candidates = shown([answer.text for answer in window])
        prompt = PROMPT.format(problem=problem.prompt, count=len(window), candidates=candidates)
        reply = await once(reasoner.ask(prompt, seen=seen), self.budget)
        return window[choice(reply.text, len(window)) or 0], [reply]
