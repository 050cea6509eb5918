"""How many problems are worked on at once: the engine is kept busy, and a problem waits for few others."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.scripts import World
from tts_bench import loops, registry
from tts_bench.api import Answer, Problem, Reasoner
from tts_bench.core.scheduler import Scheduler
from tts_bench.core.store import Store, StoreError
from tts_bench.engine import Generation, Request
from tts_bench.engines.scripted import ScriptedEngine, adder
from tts_bench.errors import UserError
from tts_bench.records import Record
from tts_bench.solving.admission import most_in_flight, work_on
from tts_bench.solving.solve import Arm, Item, solve

LIMIT = 0.3  # seconds


class Decoding(ScriptedEngine):
    """Decodes `rows` requests at once, a token of each at a step; its clock is the number of steps."""

    def __init__(self, rows: int, *, says: bool = True) -> None:
        super().__init__(adder)
        self.rows, self.info = rows, replace(self.info, at_once=rows if says else 0)
        self.steps = self.most = self.idle = 0
        self.left: list[tuple[list[int], asyncio.Event]] = []  # tokens that each request still needs

    async def generate(self, requests: Sequence[Request]) -> list[Generation]:
        [made] = await super().generate(requests)
        ended = asyncio.Event()
        self.left.append(([max(1, len(made.tokens))], ended))
        self.most = max(self.most, len(self.left))
        await ended.wait()
        return [made]

    async def decode(self) -> None:
        while True:
            for _ in range(30):  # many turns of the loop, as a step of any model is, and no seconds
                await asyncio.sleep(0)
            self.steps += bool(self.left)
            self.idle += max(0, self.rows - len(self.left))
            for left, ended in self.left[: self.rows]:
                left[0] -= 1
                if not left[0]:
                    ended.set()
            self.left = [(left, ended) for left, ended in self.left if left[0]]


def played(engine: Decoding, spec: str, problems: int, in_flight: int | None = None) -> list[int]:
    """The steps that each problem took from its begin to its end."""
    world = World(adder)
    scheduler, took = Scheduler(engine, Store(None)), []
    [built] = registry.build_all([spec])

    async def work(item: Item) -> None:
        begun = engine.steps
        record = await solve(Arm(built.id, built.strategy), item, scheduler, world.conditions, 60)
        assert not record.error
        took.append(engine.steps - begun)

    async def everything() -> None:
        decoding = asyncio.create_task(engine.decode())
        await work_on([world.item(number) for number in range(problems)], work, scheduler, in_flight)
        decoding.cancel()

    loops.run(everything())
    return took


@given(rows=st.integers(1, 12), samples=st.integers(1, 12))
@settings(max_examples=6, deadline=None)
def test_few_requests_wait_for_a_row_however_many_samples_a_problem_has(rows: int, samples: int) -> None:
    engine = Decoding(rows)
    assert len(played(engine, f"majority-vote:samples={samples}", 20)) == 20
    assert engine.most <= rows + -(-rows // 4) + samples


def test_a_problem_takes_no_longer_where_there_are_ten_times_as_many() -> None:
    few, many = (max(played(Decoding(8), "majority-vote:samples=16", count)) for count in (6, 60))
    assert many <= 1.5 * few


def test_all_at_once_wait_for_each_other_as_they_did_before() -> None:
    few, many = (max(played(Decoding(8), "majority-vote:samples=16", count, in_flight=count)) for count in (6, 60))
    assert many > 5 * few


@pytest.mark.parametrize("spec", ["baseline", "majority-vote:samples=6", "budget-forcing:extensions=2"])
def test_rows_are_decoded_while_problems_are_left(spec: str) -> None:
    engine = Decoding(8)
    took = played(engine, spec, 60)
    assert engine.idle <= 0.1 * engine.rows * engine.steps + 2 * engine.rows * max(took)  # as the first and last begin


def test_a_number_of_problems_that_is_asked_for_is_the_number() -> None:
    engine = Decoding(4)
    played(engine, "baseline", 30, in_flight=20)
    assert engine.most == 20


def test_an_engine_that_does_not_say_what_it_decodes_gets_64_problems_a_worker() -> None:
    info = Decoding(4, says=False).info
    assert most_in_flight(info) == 64
    assert most_in_flight(replace(info, settings={"workers": 3})) == 192
    assert most_in_flight(replace(info, at_once=256)) == 320


def test_of_what_is_raised_side_by_side_a_message_for_the_user_comes_alone() -> None:
    together = asyncio.Barrier(4)

    async def full(item: int) -> None:
        await together.wait()
        raise (StoreError("full") if item == 2 else ZeroDivisionError)

    with pytest.raises(UserError, match="full"):
        loops.run(work_on(range(4), full, Scheduler(Decoding(4), Store(None))))


@dataclass(frozen=True)
class Endless:
    """Asks for one sample after the other, and never answers."""

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        for number in count():
            await reasoner.branch(str(number)).think()
        yield await reasoner.answer(await reasoner.think())


def test_time_in_a_crowd_counts_by_a_problems_share_of_it_and_a_sound_problem_is_never_ended() -> None:
    world, engine = World(adder), Decoding(2)
    scheduler = Scheduler(engine, Store(None))
    [vote] = (Arm(built.id, built.strategy) for built in registry.build_all(["majority-vote:samples=8"]))
    began = time.monotonic()

    async def everything() -> list[Record]:
        decoding = asyncio.create_task(engine.decode())
        work = [solve(vote, world.item(number), scheduler, world.conditions, LIMIT) for number in range(60)]
        endless = solve(Arm("endless", Endless()), world.item(60), scheduler, world.conditions, LIMIT)
        records = await asyncio.gather(endless, *work)
        decoding.cancel()
        return records

    endless, *sound = loops.run(everything())
    assert time.monotonic() - began > 1.5 * LIMIT  # most of them are not done by then
    assert [record.error for record in sound if record.error] == []
    assert endless.error is not None
    assert endless.error.kind == "timeout"


class Dead(Decoding):
    async def decode(self) -> None:
        """Answers nobody."""


def test_an_engine_that_answers_nobody_ends_a_crowd_of_problems_after_twice_the_limit_and_not_after_its_sum() -> None:
    world = World(adder)
    scheduler, [built] = Scheduler(Dead(2), Store(None)), registry.build_all(["majority-vote:samples=4"])
    arm, began = Arm(built.id, built.strategy), time.monotonic()

    async def everything() -> list[Record]:
        work = [solve(arm, world.item(number), scheduler, world.conditions, LIMIT) for number in range(40)]
        return await asyncio.gather(*work)

    records = loops.run(everything())
    assert {record.error.kind for record in records if record.error} == {"timeout"}
    assert time.monotonic() - began < 20 * LIMIT  # of 40 that share the time


def test_there_are_no_more_tasks_than_items_whatever_an_engine_says_of_itself() -> None:
    most = 0

    async def work(item: int) -> None:
        nonlocal most
        await asyncio.sleep(0.01)
        most = max(most, len(asyncio.all_tasks()))

    engine = Decoding(2)
    engine.info = replace(engine.info, at_once=300_000)
    loops.run(work_on(range(3), work, Scheduler(engine, Store(None))))
    assert most < 10
    for wrong in (-4, 2.5, "8", None):
        with pytest.raises(UserError, match="requests at once; at_once of its EngineInfo is a whole number"):
            replace(engine.info, at_once=wrong)  # type: ignore[arg-type]
