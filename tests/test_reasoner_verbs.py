"""Claims about the wider verbs: put, cut, stops, forks, probes, prefills, other prompts, races, choices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.scripts import rambler
from tests.walking import Open, content, done, once, seeds
from tts_bench.api import Answer, Sampling, Trace, Turn
from tts_bench.core.cost import unique
from tts_bench.core.reasoner import ModelReasoner
from tts_bench.engines.scripted import END_THINK
from tts_bench.errors import EngineError, Misuse


@given(seeds)
def test_put_of_the_stop_text_restores_the_trace_that_was_not_stopped(seed: int) -> None:
    async def both() -> tuple[Trace, Trace]:
        whole = await Open(seed=seed).door.think()
        door = Open(seed=seed).door
        trace = await door.think(stop=["\n\n"])
        while trace.stopped:
            assert not trace.text.endswith("\n\n")
            restored = door.put(trace, trace.stopped)
            assert restored.text == trace.text + "\n\n"
            trace = await door.think(restored, stop=["\n\n"])
        return whole, trace

    whole, stopped = done(both())
    assert content(stopped) == content(whole)
    assert stopped.thinking_tokens == whole.thinking_tokens
    assert stopped.segments == whole.segments


def test_a_stopped_trace_pays_for_the_stop_once_and_the_engine_makes_nothing_twice() -> None:
    opened = Open()

    async def steps() -> Answer:
        trace = await opened.door.think(stop=["\n\n"])
        while trace.stopped:
            trace = await opened.door.think(trace, stop=["\n\n"])
        return await opened.door.answer(trace)

    answer = done(steps())
    plain = Open()
    alone = done(once(plain.door))
    assert answer.cost == alone.cost
    assert opened.world.scheduler.counts.made == plain.world.scheduler.counts.made


@given(seeds, st.sampled_from([1, 3, 16, 256]), st.sampled_from([("\n\n",), ("b", "ab", "abc"), ("\n\n", "q")]))
def test_where_a_stop_is_found_does_not_depend_on_the_piece(seed: int, piece: int, stop: tuple[str, ...]) -> None:
    one, other = Open(seed=seed, piece=piece), Open(seed=seed, piece=10_000)
    first, second = (done(each.door.think(stop=stop)) for each in (one, other))
    assert (first, first.stopped) == (second, second.stopped)


def test_text_that_is_put_in_the_place_of_a_stop_replaces_it() -> None:
    door = Open().door
    trace = done(door.think(stop=["\n\n"]))
    put = door.put(trace, " wait")
    assert put.text == trace.text + " wait"
    assert put.thinking_tokens == trace.thinking_tokens + len(" wait")  # the stop was sampled, and is paid
    assert put.segments[1].end == tuple(map(ord, "\n\n"))


def test_put_before_any_thinking_is_a_prefill_and_counts_as_forced() -> None:
    door = Open().door
    trace = door.put(None, "Let me see. ")
    grown = done(door.think(trace))
    answer = done(door.answer(grown))
    assert grown.text.startswith(door.begun().trace.text + "Let me see. ")
    plain = done(once(Open().door))
    assert answer.cost.forced == plain.cost.forced + len("Let me see. ")


def test_put_goes_on_from_a_trace_that_its_budget_cut() -> None:
    door = Open().door
    cut = done(door.think(max_tokens=5))
    assert cut.truncated
    assert door.force(cut, "Wait") == replace(cut, cues_wanted=1)
    put = door.put(cut, "Wait", max_tokens=60)
    assert put.text == cut.text + "Wait"
    assert not done(door.think(put)).truncated
    assert door.put(cut, "Wait", max_tokens=9) == replace(cut, cues_wanted=1)  # no room for the cue and a thought


@given(seeds, st.integers(1, 60))
def test_a_fork_equals_the_trace_that_it_continues_up_to_the_fork(seed: int, at: int) -> None:
    opened = Open(seed=seed)

    async def fork() -> tuple[Trace, Trace]:
        trunk = await opened.door.think(max_tokens=at)
        return trunk, trunk if trunk.thinking_ended else await opened.door.branch("1").think(trunk)

    trunk, twig = done(fork())
    assert twig.tokens[: len(trunk.tokens)] == trunk.tokens
    assert trunk.thinking_ended or len(twig.tokens) >= len(trunk.tokens)
    assert twig.segments[:2] == trunk.segments[:2] or trunk.thinking_ended


def test_a_fork_pays_its_trunk_once() -> None:
    opened = Open()

    async def forks() -> Answer:
        trunk = await opened.door.think(max_tokens=10)
        branches = [opened.door.branch(label) for label in "123"]
        return opened.door.vote([await branch.answer(await branch.think(trunk)) for branch in branches])

    vote = done(forks())
    trunk = vote.traces[0].segments[1]
    assert all(trace.segments[1] == trunk for trace in vote.traces)
    assert len({trace.segments[2].origin for trace in vote.traces}) == 3
    written = [segment for segment in vote.lineage if segment.kind == "thinking"]
    assert vote.cost.thinking == sum(segment.spent for segment in written)
    assert [segment for segment in written if segment.origin == trunk.origin] == [trunk]


def test_what_was_seen_beyond_a_cut_is_billed_as_discarded_however_the_cut_is_made() -> None:
    async def by_cut(door: ModelReasoner) -> Answer:
        return await door.answer(door.cut(await door.think(), 3))

    async def by_budget(door: ModelReasoner) -> Answer:
        await door.think()
        return await door.answer(await door.think(max_tokens=3))

    async def in_order(door: ModelReasoner) -> Answer:
        answer = await door.answer(await door.think(max_tokens=3))
        await door.think()
        return answer

    one, other, honest = (done(how(Open().door)) for how in (by_cut, by_budget, in_order))
    whole = done(Open().door.think())
    assert one.cost == other.cost
    assert one.text == other.text == honest.text
    assert one.cost.thinking == honest.cost.thinking == 3
    assert one.cost.discarded == whole.thinking_tokens - 3
    assert honest.cost.discarded == 0
    assert one.cost.generated == honest.cost.generated + one.cost.discarded


@given(seeds, st.integers(1, 300), st.integers(0, 3))
def test_a_cut_trace_is_the_first_tokens_of_its_thinking(seed: int, tokens: int, cues: int) -> None:
    async def cut() -> tuple[Trace, Trace]:
        door = Open(rambler, seed=seed).door
        trace = await door.think()
        for _ in range(cues):
            trace = await door.think(door.force(trace, "Hold on"))
        return trace, door.cut(trace, tokens)

    whole, short = done(cut())
    assert short.thinking_tokens == min(tokens, whole.thinking_tokens)
    read = short.tokens
    assert (
        whole.tokens[: len(read)] == read
        or short.segments[-1].tokens[-1:] == whole.segments[len(short.segments) - 1].end
    )


def test_a_probe_changes_nothing_and_is_paid_where_it_is_named() -> None:
    async def probed(door: ModelReasoner) -> tuple[Answer, Answer, int]:
        trace = await door.think(stop=["\n\n"])
        said, probes = None, []
        while trace.stopped:
            probes.append(await door.probe(trace, f"{END_THINK}\n\n\\boxed{{", max_tokens=8))
            trace = await door.think(trace, stop=["\n\n"])
        answer = await door.answer(trace)
        assert said is None
        return answer, door.choose(answer, seen=probes), sum(probe.tokens for probe in probes)

    answer, chosen, sampled = done(probed(Open().door))
    baseline = done(once(Open().door))
    assert (answer.text, answer.cost, answer.lineage) == (baseline.text, baseline.cost, baseline.lineage)
    assert chosen.text == baseline.text
    put_in = [segment for segment in chosen.lineage if segment.kind == "probe" and not segment.stream]
    assert put_in
    assert chosen.cost.probe == sampled + sum(segment.spent for segment in put_in)
    assert chosen.cost.generated == baseline.cost.generated + chosen.cost.probe


def test_an_answer_may_begin_with_a_prefill_and_be_of_any_length() -> None:
    opened = Open()

    async def answers() -> list[Answer]:
        trace = await opened.door.think()
        whole = await opened.door.answer(trace)
        return [whole, await opened.door.answer(trace, max_tokens=3), await opened.door.answer(trace, prefill="So: ")]

    whole, short, begun = done(answers())
    assert short.cost.answer == 3
    assert short.cost.discarded == whole.cost.answer - 3  # the whole one was seen before
    assert "So: " in begun.text
    assert begun.cost.forced == whole.cost.forced + len("So: ")


def test_what_is_made_of_several_of_the_last_round_bears_each_segment_once() -> None:
    opened = Open()

    async def rounds() -> Answer:
        pair = [await once(opened.door.branch(label)) for label in "01"]
        for _ in range(12):  # 4,096 times each, if what two share were counted twice
            asked = [opened.door.branch(label).ask("Which of them?", seen=pair) for label in "01"]
            pair = [await once(handle) for handle in asked]
        return pair[0]

    kept = opened.ledger.given(done(rounds()), "").lineage.kept
    assert len(kept) == len(unique(kept)) < 200


def test_an_answer_without_thinking_is_possible_and_cheap() -> None:
    answer = done(Open().door.answer())
    assert answer.cost.thinking == 0
    assert answer.extracted is not None
    assert [segment.kind for segment in answer.lineage] == ["prompt", "closing", "answer"]


def test_tokens_of_another_prompt_are_context_beyond_the_length_of_the_tasks_own() -> None:
    opened = Open()
    own = len(opened.door.begun().trace.tokens)
    asked = opened.door.ask("How many apples has Ann? She has 17 apples and gets 25 more. Be brief, and think little.")
    read = len(asked.begun().trace.tokens)
    answer = done(once(asked))
    assert (answer.cost.prompt, answer.cost.context) == (own, read - own)
    assert done(once(opened.door)).cost.context == 0
    both = opened.door.cost(answer, done(once(opened.door)))
    shared = sum(segment.spent for segment in asked.begun().trace.segments if segment.kind == "prompt")
    assert both.context == read - shared  # what both prompts begin with is read once


def test_a_second_turn_quotes_an_answer_without_its_thinking_and_pays_for_the_first() -> None:
    opened = Open()

    async def twice() -> tuple[Answer, Answer, str]:
        first = await once(opened.door)
        said = "".join(segment.text for segment in first.traces[0].segments[1:])
        turns = [Turn("user", opened.door.problem.prompt), Turn("assistant", said), Turn("user", "Are you sure?")]
        again = opened.door.ask(turns, seen=[first])
        return first, await once(again), again.begun().trace.text

    first, second, prompt = done(twice())
    assert END_THINK not in prompt
    assert first.text.strip() in prompt
    assert second.cost.thinking > first.cost.thinking
    assert second.cost.answer > first.cost.answer
    assert second.cost.context > 0
    assert second.cost.sequential > first.cost.sequential


def test_random_numbers_depend_on_seed_problem_branch_and_label_alone() -> None:
    first = Open().door
    done(first.think())
    assert first.random("a").random() == Open().door.random("a").random()
    others = [first.random("b"), first.branch("1").random("a"), Open(seed=1).door.random("a")]
    assert len({draws.random() for draws in [first.random("a"), *others]}) == 4


def test_another_temperature_is_another_generation_and_the_runs_own_is_the_same() -> None:
    opened = Open()

    async def thoughts() -> list[Trace]:
        door = opened.door
        return [await door.think(), await door.think(sampling=Sampling()), await door.think(sampling=Sampling(0.5))]

    own, same, other = done(thoughts())
    assert own.segments == same.segments
    assert own.segments[1].origin != other.segments[1].origin
    assert [call.sampling.temperature for call in opened.world.engine.calls] == [1.0, 0.5]


def test_thinking_at_its_budget_stays_truncated_through_put_until_it_goes_on() -> None:
    door = Open().door
    cut = done(door.think(max_tokens=5))
    put = door.put(cut, "so ")
    assert (cut.truncated, put.truncated) == (True, True)
    assert done(door.answer(put)).traces[0].truncated
    assert not done(door.answer(done(door.think(put)))).traces[0].truncated


def test_a_cut_at_its_own_length_is_the_same_trace_and_no_longer_truncated() -> None:
    door = Open().door
    trace = done(door.think(max_tokens=5))
    assert door.cut(trace, 5) == replace(trace, truncated=False)
    assert door.cut(trace, 6) is trace  # which is a limit that it does not reach, and no decision
    whole = done(door.think())
    assert door.cut(whole, whole.thinking_tokens) is whole
    stopped, answer = done(door.answer(door.cut(trace, 5))), done(door.answer(trace))
    assert (stopped.cost, stopped.lineage) == (answer.cost, answer.lineage)


Act = Callable[[ModelReasoner, Trace, Answer], Any]

MISUSES: dict[str, Act] = {
    "a trace with other segments": lambda door, trace, answer: door.cost(replace(trace, segments=trace.segments[:1])),
    "a trace of another ledger": lambda door, trace, answer: door.cut(done(Open().door.think()), 1),
    "a number as a trace": lambda door, trace, answer: door.put(7, "x"),  # type: ignore[arg-type]
    "a copied answer": lambda door, trace, answer: door.choose(replace(answer)),
    "a segment as seen": lambda door, trace, answer: door.choose(answer, seen=[trace.segments[0]]),  # type: ignore[list-item]
    "seen that is no list": lambda door, trace, answer: door.choose(answer, seen=answer),  # type: ignore[arg-type]
    "a weight too few": lambda door, trace, answer: door.vote([answer, answer], weights=[1]),
    "a weight below 0": lambda door, trace, answer: door.vote([answer], weights=[-1]),
    "a weight that is no number": lambda door, trace, answer: door.vote([answer], weights=[float("nan")]),
    "ties by chance": lambda door, trace, answer: door.vote([answer], ties="random"),  # type: ignore[arg-type]
    "a cut of nothing": lambda door, trace, answer: door.cut(trace, 0),
    "a label that is a number": lambda door, trace, answer: door.branch(1),  # type: ignore[arg-type]
    "an empty stop": lambda door, trace, answer: done(door.think(stop=[""])),
    "a text as stops": lambda door, trace, answer: done(door.think(stop="\n\n")),
    "half a surrogate": lambda door, trace, answer: door.put(None, "\ud800"),
    "max_tokens as text": lambda door, trace, answer: done(door.think(max_tokens="9")),  # type: ignore[arg-type]
    "a temperature as sampling": lambda door, trace, answer: done(door.think(sampling=0.5)),  # type: ignore[arg-type]
    "a conversation without a question": lambda door, trace, answer: door.ask([Turn("assistant", "Hello")]),
    "a conversation of texts": lambda door, trace, answer: door.ask(["Hello"]),  # type: ignore[list-item]
    "a race of nobody": lambda door, trace, answer: done(door.race([])),
    "a race with another's handle": lambda door, trace, answer: done(door.race([Open().door])),
    "a death at half a token": lambda door, trace, answer: done(door.race([door], cut_at=lambda t: 0.5)),  # type: ignore[arg-type,return-value]
    "a prefill that fills the answer": lambda door, trace, answer: done(door.answer(trace, prefill="x" * 2000)),
    "a closed trace": lambda door, trace, answer: done(door.think(answer.traces[0])),
}  # fmt: skip


@pytest.mark.parametrize("act", MISUSES.values(), ids=MISUSES)
def test_what_no_verb_takes_is_a_misuse_that_says_so(act: Act) -> None:
    opened = Open()
    trace = done(opened.door.think())
    answer = done(opened.door.answer(trace))
    with pytest.raises(Misuse, match=r"\w+\(\)|a closed|trace"):
        act(opened.door, trace, answer)


def test_a_prompt_without_room_is_refused_by_ask_as_by_the_task() -> None:
    with pytest.raises(EngineError, match=r"^the prompt of ask\(\) has .* no room to think"):
        Open().door.ask("x" * 200_000)
