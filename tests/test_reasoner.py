"""Claims about traces, rungs, common random numbers and the bill, on the scripted engine."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.scripts import World, rambler
from tts_bench.api import Answer, Cost, Problem, Reasoner, Strategy
from tts_bench.core.cost import Bill, unique
from tts_bench.engine import Sampling
from tts_bench.records import Record, SegmentRecord
from tts_bench.solving.solve import Arm

ALL = ("baseline:budgets=16+64+128", "budget-forcing:extensions=4", "majority-vote:samples=16")


def generated(world: World) -> int:
    return world.scheduler.counts.made


def unique_sampled(records: list[Record]) -> int:
    """Sampled tokens that the records need, each origin once."""
    longest: dict[str, int] = {}
    for record in records:
        for segment in record.segments:
            if segment.kind in ("thinking", "answer"):
                longest[segment.origin] = max(longest.get(segment.origin, 0), segment.tokens + segment.end)
    return sum(longest.values())


@pytest.mark.parametrize(
    ("longer", "shorter"),
    [
        ("budget-forcing:extensions=4", "budget-forcing:extensions=2"),
        ("baseline:budgets=16+64+128", "baseline:budgets=16+64"),
        ("majority-vote:samples=16", "majority-vote:samples=4"),
    ],
)
def test_a_rung_is_a_prefix(longer: str, shorter: str) -> None:
    [long], [short] = World(rambler).run(longer), World(rambler).run(shorter)
    shown = [[(a.rung, a.text, a.cost) for a in record.answers] for record in (long, short)]
    assert shown[0][: len(shown[1])] == shown[1]


def test_budget_128_contains_budget_64() -> None:
    [record] = World(rambler).run("baseline:budgets=64+128")
    first, second = (record.segments[index].text for index in _thinking(record))
    assert second.startswith(first)
    [apart] = World(rambler).run("baseline:budgets=128")
    assert apart.answers[0].text == record.answers[1].text
    assert apart.answers[0].cost == record.answers[1].cost


def _thinking(record: Record) -> list[int]:
    """Thinking of each answer; the shorter rung's is the prefix that its closing stands after."""
    return [next(i for i in a.segments if record.segments[i].kind == "thinking") for a in record.answers]


def test_sample_0_of_a_vote_is_the_baselines_trace() -> None:
    vote, baseline = World(rambler).run("majority-vote:samples=4", "baseline")
    assert vote.answers[0] == replace(baseline.answers[0], rung="1", segments=vote.answers[0].segments, ballots=1)


def test_samples_of_a_vote_differ() -> None:
    [record] = World(rambler).run("majority-vote:samples=8")
    texts = [segment.text for segment in record.segments if segment.kind == "thinking"]
    assert len(set(texts)) == len(texts) == 8


def test_first_segments_are_shared_by_all_strategies_and_generated_once() -> None:
    world = World(rambler)
    records = world.run(*ALL)
    first = {segment.origin for record in records for segment in record.segments if segment.stream and segment.start}
    shared = set.intersection(*({segment.origin for segment in record.segments} for record in records))
    assert first
    assert len(shared) >= 2  # the prompt and the first thinking
    calls = Counter((call.stream, call.prefix[: len(call.prefix) - call.sampled]) for call in world.engine.calls)
    fresh = [call for call in world.engine.calls if not call.sampled]
    assert len(fresh) == len({(call.stream, call.prefix) for call in fresh}), calls
    assert generated(world) == unique_sampled(records)


@given(st.integers(0, 10_000), st.sampled_from(ALL))
def test_tokens_of_a_records_segments_add_up_to_its_costs(seed: int, spec: str) -> None:
    [record] = World(rambler, seed=seed).run(spec)
    assert bill(record.segments) == costs(record.spent)
    for answer in record.answers:
        assert bill([record.segments[i] for i in answer.segments]) == costs(answer.cost)


def bill(segments: Sequence[SegmentRecord]) -> Counter[str]:
    """Tokens by cost, the longest cut of each origin once."""
    longest: dict[str, tuple[str, int]] = {}
    kinds = {"cue": "forced", "closing": "forced"}
    for segment in segments:
        tokens = segment.tokens + segment.end - segment.paid
        known = longest.get(segment.origin, ("", 0))[1]
        longest[segment.origin] = (kinds.get(segment.kind, segment.kind), max(tokens, known))
    spent = Counter[str]()
    for kind, tokens in longest.values():
        spent[kind] += tokens
    return +spent


def costs(cost: Cost) -> Counter[str]:
    return +Counter({name: getattr(cost, name) for name in ("prompt", "thinking", "forced", "answer")})


def test_forced_tokens_are_counted() -> None:
    none, once = World(rambler).run("budget-forcing:extensions=1,cue=Hold on")[0].answers
    assert once.cost.forced - none.cost.forced == len("Hold on")


def test_probe_answers_are_apart() -> None:
    [record] = World(rambler).run("budget-forcing:extensions=3")
    last = record.answers[-1]
    assert last.cost.answer < record.spent.answer
    assert sum(answer.cost.answer for answer in record.answers) == record.spent.answer


def test_a_shared_prefix_is_paid_once() -> None:
    [vote] = World(rambler).run("majority-vote:samples=8")
    [alone] = World(rambler).run("baseline")
    assert vote.answers[-1].cost.prompt == alone.answers[-1].cost.prompt


def test_the_critical_path_of_a_vote_is_its_longest_sample() -> None:
    [record] = World(rambler).run("majority-vote:samples=8")
    last = record.answers[-1].cost
    assert last.sequential < last.generated
    assert last.sequential == max(
        record.answers[0].cost.sequential, *(answer.cost.sequential for answer in record.answers)
    )


@given(st.integers(0, 1000), st.integers(1, 300), st.integers(0, 5))
def test_no_trace_is_longer_than_its_budget(seed: int, budget: int, extensions: int) -> None:
    [record] = World(rambler, seed=seed).run(f"budget-forcing:extensions={extensions},budget={budget}")
    assert len(record.answers) == extensions + 1
    for answer in record.answers:
        segments = [record.segments[i] for i in answer.segments]
        assert sum(s.tokens + s.end for s in segments if s.kind in ("thinking", "cue")) <= budget
        assert answer.cues <= answer.cues_wanted
    wanted = [answer.cues_wanted for answer in record.answers]
    assert wanted == list(range(extensions + 1))


def test_truncated_and_natural_ends_get_the_same_suffix() -> None:
    [record] = World(rambler).run("baseline:budgets=1+250")
    truncated, natural = record.answers
    assert truncated.truncated
    assert not natural.truncated
    texts = ["".join(record.segments[i].text for i in answer.segments) for answer in record.answers]
    assert all("</think>\n\n\\boxed{" in text for text in texts)
    assert natural.cost.forced == truncated.cost.forced - 1  # the model's own delimiter is not put in again


def test_sampling_may_differ_by_phase() -> None:
    world = World(rambler, answer=Sampling(0.0), continuation=Sampling(0.5))
    world.run("budget-forcing:extensions=1")
    phases = {(call.sampling.temperature) for call in world.engine.calls}
    assert phases == {1.0, 0.5, 0.0}


@given(st.lists(st.sampled_from(["1", "2", "3", None]), min_size=1, max_size=9))
def test_a_vote_is_the_mode_first_seen_and_no_answer_never_beats_an_answer(ballots: list[str | None]) -> None:
    def script(text: str, draw: Callable[[int], float]) -> str:
        return "hm</think>" if "</think>" not in text else "<|end|>"

    async def vote() -> Answer:
        world = World(script)
        from tts_bench.core.ledger import Ledger
        from tts_bench.core.reasoner import ModelReasoner

        say = iter(ballots)
        item = world.item()
        reasoner = ModelReasoner(item.problem, world.scheduler, world.conditions, lambda _: next(say, None), Ledger())
        answers = []
        for index in range(len(ballots)):
            branch = reasoner.branch(str(index))
            answers.append(await branch.answer(await branch.think()))
        counted = [answer.extracted for answer in answers]
        winner = reasoner.vote(answers)
        texts = [trace for answer in answers for trace in answer.traces]
        assert set(winner.traces) == set(texts)
        votes = Counter(ballot for ballot in counted if ballot is not None)
        best = max(votes.values(), default=0)
        expected = next((b for b in counted if b is not None and votes[b] == best), None)
        chosen = next(answer for answer in answers if answer.extracted == expected)
        assert winner.text == chosen.text
        return winner

    asyncio.run(vote())


Act = Callable[[Reasoner], Awaitable[object]]


async def _think_twice(reasoner: Reasoner) -> object:
    return await reasoner.think(await reasoner.think())


async def _force_early(reasoner: Reasoner) -> object:
    cut = await reasoner.think(max_tokens=1)
    return reasoner.force(replace(cut, truncated=False), "Wait")


async def _answer_nothing(reasoner: Reasoner) -> object:
    trace = await reasoner.think()
    return await reasoner.answer(replace(trace, segments=trace.segments[:1]))


async def _think_on_an_answer(reasoner: Reasoner) -> object:
    answer = await reasoner.answer(await reasoner.think())
    return await reasoner.think(answer.traces[0])


async def _zero_tokens(reasoner: Reasoner) -> object:
    return await reasoner.think(max_tokens=0)


async def _empty_cue(reasoner: Reasoner) -> object:
    return reasoner.force(await reasoner.think(), "")


async def _vote_on_nothing(reasoner: Reasoner) -> object:
    return reasoner.vote([])


async def _vote_on_a_forged_answer(reasoner: Reasoner) -> object:
    answer = await reasoner.answer(await reasoner.think())
    return reasoner.vote([replace(answer, text="\\boxed{42}")])


@pytest.mark.parametrize(
    "act",
    [
        _think_twice,
        _force_early,
        _answer_nothing,
        _think_on_an_answer,
        _zero_tokens,
        _empty_cue,
        _vote_on_nothing,
        _vote_on_a_forged_answer,
    ],
)
def test_misuse_of_the_handle_is_a_recorded_error(act: Act) -> None:
    @dataclass(frozen=True)
    class Misuser:
        async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
            await act(reasoner)
            yield await reasoner.answer(await reasoner.think())

    [record] = World(rambler).run_arms([Arm("misuser", Misuser())])
    assert record.error is not None
    assert record.error.kind == "misuse"


def test_a_forged_bill_is_a_recorded_error() -> None:
    @dataclass(frozen=True)
    class Forger:
        async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
            answer = await reasoner.answer(await reasoner.think())
            yield replace(answer, cost=replace(answer.cost, thinking=0))

    strategy: Strategy = Forger()
    [record] = World(rambler).run_arms([Arm("forger", strategy)])
    assert record.error is not None
    assert record.error.kind == "misuse"


def test_rounds_of_votes_add_up_on_the_critical_path() -> None:
    @dataclass(frozen=True)
    class TwoRounds:
        async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
            async def sample(label: str) -> Answer:
                branch = reasoner.branch(label)
                return await branch.answer(await branch.think())

            first = [await sample("0"), await sample("1")]
            early = reasoner.vote(first)
            yield early
            late = await sample("2")  # opened after the first vote was seen
            yield late

    [record] = World(rambler).run_arms([Arm("two-rounds", TwoRounds())])
    early, late = record.answers
    assert late.cost.sequential == early.cost.sequential + late.cost.generated


def test_a_prompt_that_leaves_no_room_is_a_recorded_error() -> None:
    world = World(rambler, max_answer=99_990)
    [record] = world.run("baseline")
    assert record.error is not None
    assert record.error.kind == "engine"
    assert "no room" in record.error.message


def test_a_vote_that_grows_is_the_vote_on_all_its_answers() -> None:
    """Whatever votes came before it: fewer answers, other answers, longer versions of what was counted."""
    votes: list[tuple[list[Answer], Answer]] = []

    @dataclass(frozen=True)
    class Votes:
        async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
            answers: list[Answer] = []
            for index in range(12):
                again = index % 3 == 2  # a longer version of an origin that was counted before
                branch = reasoner.branch(str(index - again))
                answers.append(await branch.answer(await branch.think(max_tokens=150 if again else 20)))
                chosen = answers[-4:] if index == 7 else answers.copy()
                votes.append((chosen, reasoner.vote(chosen)))
                yield votes[-1][1]

    world = World(rambler)
    [record] = world.run_arms([Arm("votes", Votes())])
    assert record.error is None
    assert len(votes) == 12
    for answers, vote in votes:
        lineage = unique(segment for answer in answers for trace in answer.traces for segment in trace.segments)
        longest = max(answer.cost.sequential for answer in answers)
        bill = Bill(world.engine.info, lineage[0].spent).add(lineage).total(longest)
        assert (vote.lineage, vote.cost) == (lineage, bill)
        assert vote.traces == tuple(trace for answer in answers for trace in answer.traces)
        [(winner, _)] = Counter(answer.extracted for answer in answers).most_common(1)
        assert vote.text == next(answer.text for answer in answers if answer.extracted == winner)
    for told, (_, vote) in zip(record.answers, votes, strict=True):
        cut = [(record.segments[place].origin, record.segments[place].tokens) for place in told.segments]
        assert cut == [(segment.origin, len(segment.tokens)) for segment in vote.lineage]
        assert told.truncated == any(trace.truncated for trace in vote.traces)
