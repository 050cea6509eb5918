"""Recursive self-aggregation: a population of answers is rewritten from its own members (arXiv 2509.26626)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from tts_bench.api import Answer, Budget, Problem, Reasoner
from tts_bench.strategies.rounds.prompts import MEND, MERGE, below
from tts_bench.strategies.sampling import at_least, countable, once, pool, together


@dataclass(frozen=True)
class SelfAggregation:
    """RSA (arXiv 2509.26626): each answer of a population is rewritten from k answers of the previous population.

    The k are drawn at random, without repeats. One rung for each loop: the vote of its population.

    Differs: the prompts are worded differently; answers are shown without their thinking; the rung is a vote, while
        the paper reports the mean accuracy of the last population. Two loops, while the paper runs ten.
    Costs: population x loops generations, and each of the later ones reads k answers.
    Unsuitable if: the context is short, since k answers have to fit next to the problem.

    Options:
        population: answers in each loop; the first loop draws plain samples.
        k: answers that each new one is written from.
        loops: number of populations, including the plain samples.
        budget: thinking tokens of each generation; none sets no limit.
    """

    population: int = 16
    k: int = 4
    loops: int = 2
    budget: Annotated[int | None, Budget] = None
    groups = ("rounds",)

    def __post_init__(self) -> None:
        countable(population=self.population, k=self.k, loops=self.loops)
        at_least(1, budget=self.budget)
        if self.k > self.population:
            raise ValueError(f"k is {self.k}; it takes at most the population, {self.population}")

    @property
    def rungs(self) -> tuple[str, ...]:
        return tuple(str(count + 1) for count in range(self.loops))

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        crowd = await pool(reasoner, range(self.population), self.budget)
        yield reasoner.vote(crowd)
        for loop in range(1, self.loops):
            random = reasoner.random(f"loop {loop}")
            works = []
            for number in range(self.population):
                shown = random.sample(crowd, self.k)
                prompt = below(problem.prompt, MERGE if self.k > 1 else MEND, [each.text for each in shown])
                fresh = reasoner.branch(str(number)).branch(str(loop))
                works.append(once(fresh.ask(prompt, seen=shown), self.budget))
            crowd = await together(works)
            yield reasoner.vote(crowd)
