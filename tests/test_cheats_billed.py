"""Claim: what a strategy gets by with, it is billed for, and no other strategy notices."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from tests.cheats import GOLD, billed, once, samples
from tests.scripts import World, rambler
from tts_bench import foreign
from tts_bench.api import Answer, Cost, Problem, Reasoner, Sampling, Trace
from tts_bench.core.conditions import Conditions
from tts_bench.core.generations import cut
from tts_bench.core.ledger import Ledger
from tts_bench.core.reasoner import ModelReasoner
from tts_bench.core.scheduler import Scheduler
from tts_bench.core.store import Store
from tts_bench.engine import Generation, Request
from tts_bench.engines.scripted import ScriptedEngine
from tts_bench.errors import EngineError, Misuse
from tts_bench.records import to_line
from tts_bench.solving.solve import Arm
from tts_bench.thinking import ThinkingFormat


async def _vote_of_eight(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    yield door.vote(await samples(door))


async def _baseline(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    yield await once(door)


def test_a_bill_that_is_changed_and_restored_before_the_yield_is_what_it_was() -> None:
    async def restores(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
        vote = door.vote(await samples(door))
        cost, text = vote.cost, vote.text
        object.__setattr__(vote, "cost", Cost())
        object.__setattr__(vote, "text", GOLD)
        object.__setattr__(vote, "cost", cost)
        object.__setattr__(vote, "text", text)
        yield vote

    record, _ = billed(restores)
    assert record.answers == billed(_vote_of_eight)[0].answers


def test_who_thinks_to_the_end_and_goes_back_pays_for_the_end() -> None:
    async def cuts(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
        yield await door.answer(door.cut(await door.think(), 1))

    async def asks_for_less(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
        await door.think()
        yield await door.answer(await door.think(max_tokens=1))

    async def shortens_an_answer(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
        trace = await door.think()
        await door.answer(trace)
        yield await door.answer(trace, max_tokens=1)

    whole = billed(_baseline)[1]
    for way in (cuts, asks_for_less):
        cost = billed(way)[1]
        assert (cost.thinking, cost.thinking + cost.discarded) == (1, whole.thinking)
    short = billed(shortens_an_answer)[1]
    assert (short.answer, short.answer + short.discarded) == (1, whole.answer)


def test_killed_traces_are_paid_to_the_token_by_who_names_them() -> None:
    async def shortest(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
        branches = [door.branch(str(index)) for index in range(8)]
        traces = await door.race(branches, enough=bool)
        place = next(place for place, trace in enumerate(traces) if trace.thinking_ended)
        yield door.choose(await branches[place].answer(traces[place]), seen=traces)

    record, cost = billed(shortest)
    assert cost.discarded == 7 * cost.thinking
    assert cost.generated == record.spent.generated


def test_an_answer_that_is_yielded_twice_is_two_rungs_with_one_bill() -> None:
    async def twice(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
        answer = await once(door)
        yield answer
        yield answer

    record, cost = billed(twice)
    assert [answer.cost for answer in record.answers] == [cost, cost]
    assert cost == billed(_baseline)[1]


def test_one_handle_in_many_tasks_is_one_generation_and_paid_once() -> None:
    async def at_once(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
        answers = await asyncio.gather(*(once(door) for _ in range(8)))
        yield door.vote(answers)

    record, cost = billed(at_once)
    assert cost == billed(_baseline)[1]
    assert cost.generated == record.spent.generated


@pytest.mark.parametrize("how", [{"sampling": Sampling(0.5)}, {"effort": "low"}], ids=["sampling", "effort"])
def test_no_label_makes_two_generations_one_in_a_bill(how: dict[str, Any]) -> None:
    label = f"effort {how['effort']}" if "effort" in how else repr(how["sampling"])

    async def pays_once(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
        trace, other = await door.think(**how), await door.branch(label).think()
        assert trace.segments[1].origin != other.segments[1].origin
        yield door.choose(await door.answer(trace), seen=[other])

    record, cost = billed(pays_once)
    assert cost.generated == record.spent.generated


def test_a_sampling_that_changes_while_the_model_is_at_work_changes_nothing() -> None:
    async def meddles(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
        sampling = Sampling()
        thinking = asyncio.create_task(door.think(sampling=sampling))
        await asyncio.sleep(0)
        object.__setattr__(sampling, "temperature", 0.0)
        yield await door.answer(await thinking)

    assert billed(meddles)[0].answers == billed(_baseline)[0].answers


def test_the_runs_own_sampling_is_out_of_reach() -> None:
    async def cools(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
        object.__setattr__(door.sampling(), "temperature", 0.0)
        assert door.sampling().temperature == 1.0
        yield await once(door)

    assert billed(cools)[0].answers == billed(_baseline)[0].answers


def test_a_reasoner_that_is_kept_is_refused_at_the_next_problem() -> None:
    """It would wait for its own problem, which is over, until the time is up."""
    kept: list[Reasoner] = []

    @dataclass(frozen=True)
    class Keeps:
        async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
            kept.append(reasoner)
            yield await once(kept[0])

    world = World(rambler, max_thinking=400)
    [first] = world.run_arms([Arm("keeps", Keeps())], items=[world.item(0)])
    [second] = world.run_arms([Arm("keeps", Keeps())], items=[world.item(1)], timeout=30)
    assert first.error is None
    assert second.error is not None
    assert (second.error.kind, second.error.message[:32]) == ("misuse", "the reasoner of another problem,")


def test_a_kept_reasoner_is_refused_in_a_context_that_knows_of_no_problem_too() -> None:
    kept: list[Reasoner] = []

    @dataclass(frozen=True)
    class Hides:
        async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
            kept.append(reasoner)
            if len(kept) > 1:
                await asyncio.create_task(once(kept[0]), context=contextvars.Context())
            yield await once(reasoner)

    world = World(rambler, max_thinking=400)
    records = world.run_arms([Arm("hides", Hides())], items=[world.item(0), world.item(1)])
    assert [record.error and record.error.kind for record in records] == [None, "misuse"]


def test_nothing_is_put_in_from_another_thread() -> None:
    async def puts(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
        yield await once(door)
        with pytest.raises(Misuse, match="called from a thread other"):
            await asyncio.to_thread(door.put, None, "so")

    assert billed(puts)[0].segments == billed(_baseline)[0].segments


def test_a_long_answer_that_is_yielded_again_and_again_makes_no_record_that_nobody_can_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(foreign, "LINE", 1 << 20)
    monkeypatch.setattr(foreign, "IN_A_LINE", 1 << 16)

    @dataclass(frozen=True)
    class Repeats:
        async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
            answer = await reasoner.answer(prefill="x" * 2000)
            for _ in range(600):
                yield answer

    [record] = World(rambler, max_answer=3000).run_arms([Arm("repeats", Repeats())])
    assert record.error is not None
    assert "solve() made a record of" in record.error.message
    assert len(to_line(record)) < 10_000


def test_a_problem_that_is_changed_changes_no_random_number() -> None:
    async def renames(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
        yield await once(door)

    @dataclass(frozen=True)
    class Renaming:
        async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
            object.__setattr__(problem, "id", "a luckier one")
            object.__setattr__(problem, "prompt", "1 + 1?")
            yield await once(reasoner)

    [record] = World(rambler, max_thinking=400).run_arms([Arm("renames", Renaming())])
    assert record == billed(renames)[0]


def test_weights_that_change_while_they_are_read_make_no_plain_vote() -> None:
    class Shifting(list[float]):
        def __iter__(self) -> Any:  # noqa: ANN401
            once_read, self.read = getattr(self, "read", False), True
            return iter([1.0] * len(self) if once_read else [5.0] + [1.0] * (len(self) - 1))

    async def shifts(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
        answers = await samples(door)
        yield door.vote(answers, weights=Shifting([1.0] * len(answers)))

    assert [answer.ballots for answer in billed(shifts)[0].answers] == [0]
    assert [answer.ballots for answer in billed(_vote_of_eight)[0].answers] == [8]


def test_a_task_that_is_left_behind_has_nothing_made() -> None:
    left: list[asyncio.Task[Trace]] = []

    async def leaves(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
        answer = await once(door)

        async def later() -> Trace:
            await asyncio.sleep(0.05)
            trace: Trace = await door.branch("later").think()
            return trace

        left.append(asyncio.create_task(later()))
        yield answer

    assert billed(leaves)[0] == replace(billed(_baseline)[0], strategy="leaves")
    assert all(task.cancelled() or not task.done() for task in left)


def test_what_is_made_and_not_named_is_seen_in_what_was_spent() -> None:
    """The one number that tells a vote of eight at the price of one: no contract sees why an answer was yielded."""

    async def hides_samples(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
        answers = await samples(door)
        winner = door.vote(answers).extracted
        yield next(answer for answer in answers if answer.extracted == winner)

    record, cost = billed(hides_samples)
    assert record.spent.generated == billed(_vote_of_eight)[1].generated
    assert record.spent.generated > 4 * cost.generated


def test_options_that_change_during_a_run_end_no_run() -> None:
    @dataclass(frozen=True)
    class Forgetful:
        known: list[str]

        @property
        def rungs(self) -> tuple[str, ...]:
            return (self.known[0],)

        async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
            self.known.clear()
            yield await once(reasoner)

    arm = Arm("forgetful", Forgetful(["full"]))
    arm.rungs(0)  # as a run does before it begins
    [record] = World(rambler).run_arms([arm])
    assert [answer.rung for answer in record.answers] == ["full"]


class Whole(ScriptedEngine):
    """Gives thinking and answer in one reply, as an endpoint of messages does."""

    def _generate(self, request: Request) -> Generation:
        thinking, answer = self.tokenizer.encode("x" * 60), self.tokenizer.encode(GOLD)
        left = (thinking + answer)[request.sampled :]
        return cut(Generation(left, "stop", len(answer)), request.max_tokens)


def test_of_an_endpoint_of_whole_replies_the_end_of_a_thought_is_paid_too() -> None:
    scheduler = Scheduler(Whole(rambler), Store(None))
    conditions = Conditions(ThinkingFormat("whole", "", "", "", mode="one-reply"), max_answer=20)

    async def back() -> tuple[Answer, Answer]:
        door = ModelReasoner(World(rambler).item().problem, scheduler, conditions, lambda text: text, Ledger())
        begun = await door.think(max_tokens=10)
        whole = await door.answer(await door.think())
        with pytest.raises(EngineError, match=r"answer\(\) needs think\(\) first"):
            await door.answer(door.cut(await door.think(), 5))
        assert not (await door.answer(begun)).text  # not the reply to the whole thought
        return whole, await door.answer(await door.think(max_tokens=10))

    whole, short = asyncio.run(back())
    assert (whole.text, whole.cost.thinking) == (GOLD, 60)
    assert (short.text, short.cost.thinking, short.cost.thinking + short.cost.discarded) == ("", 30, 60)
