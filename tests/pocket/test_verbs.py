"""Identities of the contract's verbs on the pocket model; tests/test_reasoner_verbs.py has them on scripts."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from importlib.resources import files
from typing import Any, TypeVar

import pytest

from tts_bench.api import Answer, Problem, Trace
from tts_bench.config import ModelConfig
from tts_bench.core.ledger import Ledger
from tts_bench.core.reasoner import ModelReasoner
from tts_bench.core.sampler import PIECE
from tts_bench.core.scheduler import Scheduler
from tts_bench.core.store import Store
from tts_bench.solving.model import Model, load_model
from tts_bench.strategies.sampling import once
from tts_bench.strategies.stop.dynasor import Dynasor
from tts_bench.tasks.boxed import box

T = TypeVar("T")

pytestmark = pytest.mark.xdist_group("verbs of the pocket model")

COUNT = 4  # problems
STOP = "e"  # a letter that its thinking has


@pytest.fixture(scope="module")
def model() -> Iterator[Model]:
    loaded = load_model(ModelConfig(model="pocket", engine="hf:threads=1"))
    yield loaded
    asyncio.run(loaded.engine.close())


@pytest.fixture(scope="module")
def problems() -> list[Problem]:
    rows = gzip.decompress(files("tts_bench.tasks").joinpath("pocket_arithmetic.jsonl.gz").read_bytes()).splitlines()
    questions = [json.loads(row)["question"] for row in rows[:COUNT]]
    return [Problem(f"pocket/{place}", "pocket", question) for place, question in enumerate(questions)]


Way = Callable[[ModelReasoner], Awaitable[T]]


class Doors:
    """Runs work on every problem, each time with a ledger and a store of its own."""

    def __init__(self, model: Model, problems: Sequence[Problem]) -> None:
        self._model, self._problems = model, problems

    def each(self, work: Way[T], piece: int = PIECE) -> list[T]:
        async def everything() -> list[T]:
            scheduler, conditions = Scheduler(self._model.engine, Store(None)), self._model.conditions
            doors = [ModelReasoner(each, scheduler, conditions, box, Ledger(), piece=piece) for each in self._problems]
            return list(await asyncio.gather(*map(work, doors)))

        return asyncio.run(everything())


@pytest.fixture
def doors(model: Model, problems: list[Problem]) -> Doors:
    return Doors(model, problems)


def told(answer: Answer) -> tuple[Any, ...]:
    return answer.text, answer.extracted, answer.cost, answer.traces, answer.lineage


async def stepwise(door: ModelReasoner) -> Trace:
    trace = await door.think(stop=[STOP])
    while trace.stopped:
        trace = await door.think(door.put(trace, trace.stopped), stop=[STOP])
    return trace


def test_put_of_the_stop_text_restores_the_trace_that_was_not_stopped(doors: Doors) -> None:
    async def whole(door: ModelReasoner) -> Trace:
        return await door.think()

    assert doors.each(stepwise) == doors.each(whole)
    assert doors.each(stepwise, piece=3) == doors.each(whole)
    assert all(STOP in trace.text for trace in doors.each(whole))


def test_a_fork_equals_the_trace_that_it_continues_up_to_the_fork(doors: Doors) -> None:
    async def fork(door: ModelReasoner) -> tuple[Trace, Trace]:
        trunk = await door.think(max_tokens=7)
        return trunk, await door.branch("1").think(trunk)

    pairs = doors.each(fork)
    assert all(twig.tokens[: len(trunk.tokens)] == trunk.tokens for trunk, twig in pairs)
    assert all(twig.thinking_ended and twig.thinking_tokens > trunk.thinking_tokens for trunk, twig in pairs)


def test_probes_that_never_agree_are_the_baseline_token_for_token(doors: Doors) -> None:
    async def probed(door: ModelReasoner) -> Answer:
        return [answer async for answer in Dynasor(chunk=8, agree=10**6).solve(door.problem, door)][-1]

    for mine, baseline in zip(doors.each(probed), doors.each(once), strict=True):
        assert mine.cost.probe > 0
        assert (mine.text, mine.traces[0].tokens) == (baseline.text, baseline.traces[0].tokens)
        assert mine.cost.generated - mine.cost.probe == baseline.cost.generated


async def voted(door: ModelReasoner, weights: Sequence[float] | None = None) -> Answer:
    return door.vote([await once(door.branch(str(index))) for index in range(4)], weights=weights)


def test_a_race_whose_end_never_comes_is_a_vote_of_complete_samples(doors: Doors) -> None:
    async def raced(door: ModelReasoner) -> Answer:
        branches = [door.branch(str(index)) for index in range(4)]
        traces = await door.race(branches, enough=lambda ended: False)
        return door.vote([await branch.answer(trace) for branch, trace in zip(branches, traces, strict=True)])

    assert list(map(told, doors.each(raced))) == list(map(told, doors.each(voted)))
    assert list(map(told, doors.each(raced, piece=5))) == list(map(told, doors.each(voted)))


def test_weights_of_one_are_a_plain_vote(doors: Doors) -> None:
    async def weighed(door: ModelReasoner) -> Answer:
        return await voted(door, [1.0] * 4)

    assert list(map(told, doors.each(weighed))) == list(map(told, doors.each(voted)))


def test_a_race_that_kills_and_stops_gives_the_same_bytes_in_chunks_of_16_and_256(doors: Doors) -> None:
    def cut_at(trace: Trace) -> int | None:
        """One in three dies at its tenth token."""
        thinking = trace.segments[-1].tokens
        return 10 if len(thinking) >= 10 and sum(thinking[:10]) % 3 == 0 else None

    async def raced(door: ModelReasoner) -> Answer:
        branches = [door.branch(str(index)) for index in range(6)]
        traces = await door.race(branches, enough=lambda ended: len(ended) > 1, cut_at=cut_at)
        answers = [await branch.answer(trace) for branch, trace in zip(branches, traces, strict=True)]
        return door.vote(answers, ties="shortest", seen=traces)

    small, large = doors.each(raced, piece=16), doors.each(raced, piece=256)
    assert list(map(told, small)) == list(map(told, large))
    lengths = [trace.thinking_tokens for answer in large for trace in answer.traces]
    assert 10 in lengths
    assert len(set(lengths)) > 2
