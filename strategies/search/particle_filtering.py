"""Particle filtering over steps of thinking (arXiv 2502.01618)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from tts_bench.api import Aggregation, Answer, Budget, Problem, Reasoner
from tts_bench.strategies.sampling import at_least, countable
from tts_bench.strategies.search.steps import Search, check_stop, particle_weights
from tts_bench.strategies.weigh.scores import needed


@dataclass(frozen=True)
class ParticleFiltering:
    """Particle filtering (arXiv 2502.01618): traces grow by a step and are then resampled by score.

    The weights of traces are the softmax over the logits of all scores, clipped at 1e-7. After each step, n traces
    are drawn by weight with replacement; finished traces can be drawn too, and stay unchanged.

    Differs: the answer is that of the trace with the largest weight, as in the authors' code, while the paper draws
        it; the thinking is split, not the solution.
    Costs: every step of every trace, including dropped ones; the scorer re-reads each prefix at every step.
    Unsuitable if: the scorer does not return probabilities. Scores outside 0 to 1 are an error on that problem.

    Options:
        n: number of traces (particles).
        rounds: maximum number of steps; the last one runs to the end of thinking.
        stop: the text that ends a step.
        scorer: name of the scorer; empty: the run's only scorer.
        how: how step scores are combined: last, min, prod or mean; none: the scorer's own value.
        budget: thinking tokens of each trace; none sets no limit.
    """

    n: int = 16
    rounds: int = 40
    stop: str = "\n\n"
    scorer: str = ""
    how: Aggregation | None = None
    budget: Annotated[int | None, Budget] = None
    groups = ("search",)

    def __post_init__(self) -> None:
        countable(n=self.n, rounds=self.rounds)
        at_least(1, budget=self.budget)
        check_stop(self.stop)

    @property
    def needs(self) -> tuple[str, ...]:
        return ("stops", *needed(self.scorer))

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        search = Search(reasoner, self.stop, self.scorer, self.how, self.budget)
        particles = search.roots(self.n)
        for number in range(1, self.rounds + 1):
            places = [place for place, path in enumerate(particles) if path.is_open]
            grown = await search.grow([particles[place] for place in places], whole=number == self.rounds)
            for place, path in zip(places, grown, strict=True):
                particles[place] = path
            if not any(path.is_open for path in particles):
                break
            weights = particle_weights([path.value for path in particles])
            drawn = sorted(reasoner.random(f"round {number}").choices(range(self.n), weights, k=self.n))
            particles = [search.fork(particles[one], place - drawn.index(one)) for place, one in enumerate(drawn)]
        yield await search.best(particles)
