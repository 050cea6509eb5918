"""Universal self-consistency (arXiv 2311.17311)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from tts_bench.api import Answer, Budget, Problem, Reasoner
from tts_bench.strategies.sampling import at_least, countable, once, pool
from tts_bench.strategies.weigh.judging import choice, shown

PROMPT = """{problem}

Several people have replied to this. Their replies:

{candidates}

Which reply comes to the conclusion that most of the replies share? Compare their conclusions, and do not solve the
problem yourself. End with a line that says "Choice: " and the number of that candidate."""


@dataclass(frozen=True)
class UniversalSelfConsistency:
    """Universal self-consistency (arXiv 2311.17311): the model is shown all answers and names the most common one.

    The single rung is named by the number of samples.

    Differs: the prompt is worded differently, the order is shuffled for each problem, and the model chooses with
    the run's sampling settings, after thinking, while the paper chooses greedily. Samples without an extracted
    answer are left out if others have one.
    Costs: the model re-reads all answers and thinks about them.
    Unsuitable if: a program can compare the answers, since majority-vote is then cheaper. If the reply names no
    candidate, the first sample is taken; the record then has a reply without "Choice: ".

    Options:
        samples: number of samples.
        budget: thinking tokens of each sample and of the choice; none sets no limit.
    """

    samples: int = 8
    budget: Annotated[int | None, Budget] = None
    groups = ("weigh",)

    def __post_init__(self) -> None:
        countable(samples=self.samples)
        at_least(1, budget=self.budget)

    @property
    def rungs(self) -> tuple[str, ...]:
        return (str(self.samples),)

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        answers = await pool(reasoner, range(self.samples), self.budget)
        candidates = [answer for answer in answers if answer.extracted is not None] or answers
        if len(candidates) == 1:
            yield reasoner.choose(candidates[0], seen=answers)
            return
        order = reasoner.random("order").sample(candidates, len(candidates))
        prompt = PROMPT.format(problem=problem.prompt, candidates=shown([answer.text for answer in order]))
        judge = await once(reasoner.ask(prompt, seen=answers), self.budget)
        chosen = choice(judge.text, len(order))
        yield reasoner.choose(candidates[0] if chosen is None else order[chosen], seen=[*answers, judge])
