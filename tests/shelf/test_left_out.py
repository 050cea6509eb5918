"""Claim: where a server leaves out the numbers of some tokens (NaN), those of the others decide."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, fsum, isnan, log, nan
from typing import Any

import pytest

from tests.scripts import World, rambler
from tests.shelf.opened import answers, done, last
from tests.shelf.test_stop import doubter
from tts_bench.api import Strategy
from tts_bench.columns import Columns
from tts_bench.core.ledger import Ledger
from tts_bench.core.reasoner import ModelReasoner
from tts_bench.engine import Request
from tts_bench.strategies.confidence.deepconf import DeepConf
from tts_bench.strategies.confidence.deepconf_online import DeepConfOnline, death
from tts_bench.strategies.sampling import once
from tts_bench.strategies.stop.deer import Deer, confidence
from tts_bench.strategies.weigh import weights
from tts_bench.strategies.weigh.cisc import Cisc
from tts_bench.strategies.weigh.picsar import Picsar
from tts_bench.strategies.weigh.self_certainty import SelfCertainty
from tts_bench.tasks.boxed import box


def opened(script: Any = rambler, seed: int = 0) -> ModelReasoner:  # noqa: ANN401
    """A reasoner whose engine leaves out every third token."""
    world = World(script, seed=seed, columns=("logprob", "top_mean:20"))
    whole = world.engine._columns

    def some(request: Request, count: int) -> Columns:
        at = len(request.prefix)
        numbers = {name: list(each) for name, each in whole(request, count).items()}
        return Columns.of({n: [nan if (at + i) % 3 == 1 else x for i, x in enumerate(numbers[n])] for n in numbers})

    world.engine._columns = some  # type: ignore[method-assign]
    return ModelReasoner(world.item().problem, world.scheduler, world.conditions, box, Ledger())


READING: list[Strategy] = [
    DeepConf(6),
    DeepConf(6, score="tail", window=4),
    DeepConfOnline(3, 8, window=4, tau=None),
    Cisc(samples=6),
    Picsar(samples=6),
    SelfCertainty(samples=6),
]


@pytest.mark.parametrize("strategy", READING, ids=str)
def test_each_still_has_an_answer(strategy: Strategy) -> None:
    assert last(strategy, opened()).extracted is not None


@pytest.mark.parametrize("seed", range(3))
def test_the_most_probable_sample_is_that_of_the_known_numbers(seed: int) -> None:
    door = opened(seed=seed)
    samples = [done(once(door.branch(str(index)))) for index in range(6)]
    known = [[each for each in door.logprobs(one.traces[0]) if not isnan(each)] for one in samples]
    assert all(len(some) < len(door.logprobs(one.traces[0])) for some, one in zip(known, samples, strict=True))
    by_sum, by_mean = (max(range(6), key=[rate(each) for each in known].__getitem__) for rate in (fsum, mean))
    assert answers(Picsar(samples=6), opened(seed=seed))[-1].text == samples[by_sum].text
    assert answers(Cisc(1e-6, 6), opened(seed=seed))[-1].text == samples[by_mean].text


def mean(values: list[float]) -> float:
    return exp(fsum(values) / len(values))


def test_deer_stops_where_the_known_tokens_are_confident() -> None:
    answer = last(Deer(threshold=0.0), opened(doubter))
    assert answer.traces[0].text.count("Wait") == 0
    assert confidence([log(0.01), nan, log(0.9), log(0.4)], "arithmetic") == pytest.approx(0.65)
    assert confidence([log(0.01), nan], "least") == 0.0


def test_sums_and_means_are_of_the_known_numbers() -> None:
    assert weights.self_certainty([-1.0, nan, -3.0], 4) == weights.self_certainty([-1.0, -3.0], 4)
    assert weights.self_certainty([nan], 4) == 0.0
    assert weights.picsar([-1.0, nan, -2.0, nan, -3.0], 2, normalized=False) == -6.0
    assert weights.picsar([-1.0, nan, -2.0, nan, -3.0], 2, normalized=True) == -4.5


@dataclass(frozen=True)
class Told:
    """A trace, and the reasoner that tells its numbers."""

    numbers: tuple[float, ...]

    @property
    def thinking_tokens(self) -> int:
        return len(self.numbers)

    def logprobs(self, trace: object, column: str) -> tuple[float, ...]:
        return self.numbers


def test_a_death_is_counted_in_tokens_the_left_out_ones_among_them() -> None:
    told: Any = Told((-3.0, nan, -3.0, -1.0, nan, -1.0))
    assert death(told, "top_mean:20", 2, 2.5, told) == 4
    assert death(told, "top_mean:20", 2, 1.5, told) == 6
    assert death(told, "top_mean:20", 5, 2.5, told) is None
