"""Claims about races on the token clock, and about votes with weights and ties."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.scripts import rambler
from tests.walking import Open, done, once, seeds
from tts_bench.api import Answer, Cost, Trace
from tts_bench.core.ledger import Ledger
from tts_bench.core.reasoner import ModelReasoner
from tts_bench.engines.scripted import END, END_THINK, THINK, Draw


def test_a_race_whose_end_never_comes_is_a_vote_of_complete_samples() -> None:
    async def race(door: ModelReasoner) -> Answer:
        branches = [door.branch(str(index)) for index in range(8)]
        traces = await door.race(branches, enough=lambda ended: False)
        return door.vote([await branch.answer(trace) for branch, trace in zip(branches, traces, strict=True)])

    async def vote(door: ModelReasoner) -> Answer:
        return door.vote([await once(door.branch(str(index))) for index in range(8)])

    one, other = done(race(Open().door)), done(vote(Open().door))
    assert (one.text, one.cost, one.traces, one.lineage) == (other.text, other.cost, other.traces, other.lineage)


def ended_at(lengths: Sequence[int]) -> Callable[[str, Draw], str]:
    """A script that thinks as long as the number says which its first draw picks of `lengths`."""

    def script(text: str, draw: Draw) -> str:
        if END_THINK in text.partition(THINK)[2]:
            return f"\\boxed{{1}}{END}"
        return "x" * (lengths[int(draw(0) * len(lengths))] - 1) + END_THINK

    return script


@given(seeds, st.integers(1, 6), st.sampled_from([7, 16, 256]))
def test_the_m_shortest_of_k_cost_what_their_clock_says(seed: int, m: int, piece: int) -> None:
    """short-m@k (arXiv 2505.17813): at the tick at which m have ended, all others are stopped."""
    opened = Open(ended_at([10, 20, 30, 40]), piece=piece, seed=seed)
    alone = [done(opened.reasoner(Ledger()).branch(str(index)).think()).thinking_tokens for index in range(6)]
    branches = [opened.door.branch(str(index)) for index in range(6)]
    traces = done(opened.door.race(branches, enough=lambda ended: len(ended) >= m))
    stop = sorted(alone)[m - 1]
    assert [trace.thinking_tokens for trace in traces] == [min(length, stop) for length in alone]
    assert [trace.thinking_ended for trace in traces] == [length <= stop for length in alone]
    bill = opened.door.cost(*traces)
    assert bill.discarded == sum(min(length, stop) for length in alone)
    assert bill.sequential == stop


@given(seeds, st.sampled_from([1, 16]), st.integers(1, 40), st.integers(1, 8))
def test_a_race_gives_the_same_bytes_whatever_its_piece(seed: int, piece: int, line: int, m: int) -> None:
    def cut_at(trace: Trace) -> int | None:
        """Dies at its first z behind the first `line` tokens."""
        text = trace.segments[1].text
        place = text.find("z", line)
        return place + 1 if place >= 0 else None

    def run(size: int) -> tuple[tuple[Trace, ...], Cost, list[int]]:
        opened = Open(rambler, piece=size, seed=seed)
        asked: list[int] = []

        def enough(ended: Sequence[Trace]) -> bool:
            asked.append(len(ended))
            return len(ended) >= m

        branches = [opened.door.branch(str(index)) for index in range(8)]
        traces = done(opened.door.race(branches, enough=enough, cut_at=cut_at, max_tokens=150))
        return traces, opened.door.cost(*traces), asked

    assert run(piece) == run(256)


def test_killed_traces_can_be_paid_without_a_ballot() -> None:
    opened = Open(ended_at([10, 20, 30, 40]))

    async def shortest() -> tuple[Answer, tuple[Trace, ...]]:
        branches = [opened.door.branch(str(index)) for index in range(6)]
        traces = await opened.door.race(branches, enough=lambda ended: bool(ended))
        place = next(place for place, trace in enumerate(traces) if trace.thinking_ended)
        return opened.door.choose(await branches[place].answer(traces[place]), seen=traces), traces

    answer, traces = done(shortest())
    assert len(answer.traces) == 1
    assert answer.cost.thinking == traces[0].thinking_tokens
    dead = [trace for trace in traces if trace.segments[1] != answer.traces[0].segments[1]]
    assert answer.cost.discarded == sum(trace.thinking_tokens for trace in dead)


def test_weights_of_one_are_a_plain_vote_and_others_decide() -> None:
    opened = Open()

    async def votes() -> tuple[Answer, Answer, list[Answer]]:
        answers = [await once(opened.door.branch(str(index))) for index in range(9)]
        return opened.door.vote(answers), opened.door.vote(answers, weights=[1] * 9), answers

    plain, ones, answers = done(votes())
    assert (plain.text, plain.cost, plain.traces) == (ones.text, ones.cost, ones.traces)
    assert opened.ledger.given(plain, "").ballots == opened.ledger.given(ones, "").ballots == 9
    for place, answer in enumerate(answers):
        weighted = opened.door.vote(answers, weights=[float(index == place) for index in range(9)])
        assert weighted.extracted == answer.extracted
        assert weighted.cost == plain.cost
        assert opened.ledger.given(weighted, "").ballots == 0


def test_a_tie_may_go_to_the_shortest_thinking() -> None:
    opened = Open()

    async def sampled() -> list[Answer]:
        return [await once(opened.door.branch(str(index))) for index in range(6)]

    different = {answer.extracted: answer for answer in done(sampled())}
    answers = sorted(different.values(), key=lambda answer: -answer.traces[0].thinking_tokens)
    assert len(answers) > 1
    assert opened.door.vote(answers).extracted == answers[0].extracted
    assert opened.door.vote(answers, ties="shortest").extracted == answers[-1].extracted


def test_no_answer_never_wins_with_any_weight() -> None:
    def script(text: str, draw: Draw) -> str:
        if END_THINK in text.partition(THINK)[2]:
            return END if draw(0) < 0.5 else f"\\boxed{{7}}{END}"
        return f"hm{END_THINK}"

    opened = Open(script)

    async def sampled() -> list[Answer]:
        return [await once(opened.door.branch(str(index))) for index in range(12)]

    answers = done(sampled())
    assert {answer.extracted for answer in answers} == {None, "7"}
    weights = [1000.0 if answer.extracted is None else 0.001 for answer in answers]
    assert opened.door.vote(answers, weights=weights).extracted == "7"


@pytest.mark.parametrize("piece", [1, 16, 256])
def test_a_race_that_goes_back_behind_what_was_seen_pays_for_it_whatever_its_piece(piece: int) -> None:
    opened = Open(rambler, piece=piece)

    async def back() -> tuple[Trace, Cost]:
        whole = await opened.door.think()
        [dead] = await opened.door.race([opened.door], cut_at=lambda trace: 1)
        return whole, (await opened.door.answer(dead)).cost

    whole, cost = done(back())
    assert (cost.thinking, cost.thinking + cost.discarded) == (1, whole.thinking_tokens)
