"""Claim: a value that is forged, changed or out of bounds is one misuse of that strategy; no other strategy notices."""

from __future__ import annotations

import copy
import pickle
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from tests.cheats import GOLD, Solve, Ways, check, once, samples
from tts_bench.api import Answer, Cost, LearnedToken, Sampling, Segment, Trace, Turn
from tts_bench.core.ledger import Ledger
from tts_bench.core.reasoner import ModelReasoner

ways = Ways()

# Values that were changed, copied or made by hand


@ways.misuse("by a yield, was given a Answer that was changed")
async def writes_the_gold_answer_into_its_answer(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    answer = await once(door)
    object.__setattr__(answer, "text", GOLD)
    yield answer


@ways.misuse("by a yield, was given a Answer that was changed")
async def writes_itself_another_bill(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    vote = door.vote(await samples(door))
    object.__setattr__(vote, "cost", Cost(thinking=2))
    yield vote


@ways.misuse("a Cost was changed after the reasoner made it")
async def writes_zeros_into_its_bill(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    vote = door.vote(await samples(door))
    object.__setattr__(vote.cost, "thinking", 0)
    yield vote


@ways.misuse("a Answer was changed after the reasoner made it")
async def changes_an_answer_that_it_has_yielded(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    answer = await once(door)
    yield answer
    object.__setattr__(answer, "text", GOLD)


@ways.misuse("a Segment was changed after the reasoner made it")
async def writes_into_a_segment(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    answer = await once(door)
    object.__setattr__(answer.lineage[1], "tokens", ())
    yield answer


@ways.misuse("answer() was given a Trace that was changed")
async def writes_into_a_trace(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    trace = await door.think()
    object.__setattr__(trace, "segments", trace.segments[:1])
    yield await door.answer(trace)


@ways.misuse("answer() was given a Trace that this problem's reasoner did not make")
async def leaves_thinking_out_of_a_trace(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    trace = await door.think()
    yield await door.answer(replace(trace, segments=trace.segments[:1]))


@ways.misuse("answer() was given a Trace that this problem's reasoner did not make")
async def calls_its_thinking_a_prompt(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    trace = await door.think()
    prompt, thinking = trace.segments
    yield await door.answer(replace(trace, segments=(prompt, replace(thinking, kind="prompt"))))


@ways.misuse("answer() was given a Trace that this problem's reasoner did not make")
async def makes_a_segment_by_hand(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    trace = await door.think()
    mine = Segment("cue", tuple(map(ord, GOLD)), GOLD, "mine", 0)
    yield await door.answer(Trace((*trace.segments, mine)))


@ways.misuse("by a yield, was given a Answer that this problem's reasoner did not make")
async def yields_the_vote_at_the_price_of_a_sample(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    answers = await samples(door)
    yield replace(answers[0], text=door.vote(answers).text)


class MyAnswer(Answer):
    pass


@ways.misuse("by a yield, was given a MyAnswer that was changed")
async def makes_its_answer_one_of_another_class(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    answer = await once(door)
    object.__setattr__(answer, "__class__", MyAnswer)
    yield answer


@ways.misuse("answer() was given a Trace that was changed")
async def takes_the_fields_out_of_a_trace(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    trace = await door.think()
    vars(trace).clear()
    yield await door.answer(trace)


@ways.misuse("a Trace was changed after the reasoner made it")
async def makes_a_trace_one_of_another_class_when_all_is_said(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    class Changed(Trace):
        segments = property(lambda self: 1 // 0)

    trace = await door.think()
    yield await door.answer(trace)
    object.__setattr__(trace, "__class__", Changed)


@ways.misuse("by a yield, was given a MyAnswer that this problem's reasoner did not make")
async def yields_an_answer_of_a_class_of_its_own(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    one = await once(door)
    yield MyAnswer(GOLD, "42", one.cost, one.traces, one.lineage)


@ways.misuse("by a yield, was given a str")
async def yields_a_text(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    yield GOLD  # type: ignore[misc]


@ways.misuse("did not make")
async def yields_a_copy(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    yield copy.copy(await once(door))


@ways.misuse("did not make")
async def yields_a_deep_copy(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    yield copy.deepcopy(await once(door))


@ways.misuse("did not make")
async def yields_what_was_pickled(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    yield pickle.loads(pickle.dumps(await once(door)))


@ways.misuse("by a yield, was given a Answer that this problem's reasoner did not make")
async def keeps_books_of_its_own(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    scheduler, conditions = door._sampler._scheduler, door._conditions
    yield await once(ModelReasoner(door.problem, scheduler, conditions, door._extract, Ledger()))


class Equal:
    """Says that it is whatever it is compared with."""

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]


@ways.misuse("vote() was given a Equal")
async def votes_with_what_calls_itself_equal(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    yield door.vote([await once(door)])
    yield door.vote([Equal()])


# Values that say one thing when they are checked and another when they are used


class Sly(str):
    def encode(self, *_: Any) -> bytes:
        return b"so"


@ways.misuse("the cue of put() holds half of a surrogate pair")
async def hides_a_surrogate_in_a_cue(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    yield await door.answer(await door.think(door.put(None, Sly("\ud800"))))


@ways.misuse("the label of branch() holds half of a surrogate pair")
async def hides_a_surrogate_in_a_label(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    yield await once(door.branch(Sly("\ud800")))


@ways.misuse("a turn of ask() holds half of a surrogate pair")
async def hides_a_surrogate_in_a_turn(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    yield await once(door.ask([Turn("user", Sly("\ud800"))]))


@ways.misuse("system of ask() is a int")
async def asks_with_a_number_as_system(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    yield await once(door.ask("Hello", system=7))


@ways.misuse("the effort of think() is a int")
async def thinks_with_a_number_as_effort(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    yield await once(door, effort=7)


@ways.misuse("think() was given the sampling Sampling(temperature=1.0, top_k=1.5")
async def samples_one_and_a_half_tokens(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    yield await once(door, sampling=Sampling(top_k=1.5))  # type: ignore[arg-type]


@ways.misuse("think() was given the sampling Sampling(temperature=nan")
async def changes_a_sampling_to_what_it_refuses(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    sampling = Sampling()
    object.__setattr__(sampling, "temperature", float("nan"))
    yield await once(door, sampling=sampling)


@ways.misuse("the token of put() has a row that does not match its digest")
async def takes_the_place_of_anothers_token(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    token = LearnedToken("<|go|>", (1.0,), door._engine.info.fingerprint, "ab" * 32)
    yield await door.answer(await door.think(door.put(None, token)))


class First(str):
    """Says that it is whatever it is compared with."""

    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        return True


@ways.misuse("ties of vote() is 'last'; it takes 'first' or 'shortest'")
async def breaks_ties_in_both_ways_at_once(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    yield door.vote(await samples(door), ties=First("last"))


@ways.misuse("probe() was given None")
async def probes_for_no_number_of_tokens(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    trace = await door.think()
    yield door.choose(await door.answer(trace), seen=[await door.probe(trace, "so", max_tokens=None)])


class Untold:
    def __repr__(self) -> str:
        raise KeyError("no words")


@ways.misuse("max_tokens of think() is an unprintable Untold")
async def thinks_for_what_cannot_be_shown(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    yield await once(door, max_tokens=Untold())


@ways.misuse("max_tokens of think() is an unprintable int")
async def thinks_for_more_digits_than_are_ever_written(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    yield await once(door, max_tokens=-(10**5000))


@ways.misuse("vote() was given the weight an unprintable int")
async def weighs_more_digits_than_are_ever_written(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    yield door.vote([await once(door)], weights=[10**5000])


@ways.misuse("ask() was given the turn an unprintable Untold")
async def asks_what_cannot_be_shown(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    yield await once(door.ask([Untold()]))


@ways.misuse("the column of logprobs() is a Untold")
async def reads_a_column_that_cannot_be_shown(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    door.logprobs(await door.think(), Untold())
    yield await once(door)


@ways.misuse("vote() was given the weight 1000")
async def weighs_more_than_a_float_holds(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    yield door.vote([await once(door)], weights=[10**400])


@ways.misuse("the label of branch() has 1000000 characters")
async def labels_a_branch_with_a_book(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    yield await once(door.branch("x" * 10**6))


@ways.misuse("the text of probe() has 1000000 tokens")
async def probes_with_a_book(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    trace = await door.think()
    yield door.choose(await door.answer(trace), seen=[await door.probe(trace, "x" * 10**6)])


@ways.misuse("cut() was given None")
async def cuts_at_nothing(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    yield await door.answer(door.cut(await door.think(), None))


@ways.misuse("solve() made a record of")
async def asks_so_much_that_nobody_could_read_its_record(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    for place in range(50):
        await door.ask(f"{place}" + "," * 90_000).think(max_tokens=1)  # an unused prompt is in no record
    yield await once(door)


@ways.misuse("yielded 10000 answers")
async def yields_for_ever(door: Any) -> AsyncIterator[Answer]:  # noqa: ANN401
    answer = await once(door)
    while True:
        yield answer


@pytest.mark.parametrize(("way", "kind", "said"), ways.all.values(), ids=ways.all)
def test_a_cheat_is_one_misuse_and_nobody_else_notices(way: Solve, kind: str, said: str) -> None:
    check(way, kind, said)
