"""Claim: published strategies take under forty lines on the contract, keep it, and do what their papers say."""

from __future__ import annotations

import inspect
from typing import Any, TypeVar

import pytest

from tests import published_texts as texts
from tests import published_votes as votes
from tests.scripts import World, number, rambler
from tests.shelf.opened import answers, done, last, opened, paragraphs, plain, told
from tts_bench.api import Strategy
from tts_bench.engines.scripted import END, END_THINK, THINK, Draw
from tts_bench.records import Record
from tts_bench.solving.solve import Arm
from tts_bench.testing import CLAIMS, Claim, NotApplicable, conform

T = TypeVar("T")

PUBLISHED = [
    votes.EarlyStopping,
    votes.ShortestOfMany,
    votes.Rejection,
    votes.Temperatures,
    texts.NoThinking,
    texts.ChainOfDraft,
    texts.StepBeam,
    texts.ThinkTwice,
    texts.SelfRefine,
    texts.SelfAggregation,
]
ELSEWHERE = (texts.NoThinking, texts.ChainOfDraft)  # they begin with another text than the baseline


@pytest.mark.parametrize("kind", PUBLISHED)
def test_it_takes_under_forty_lines(kind: type[Strategy]) -> None:
    assert len(inspect.getsource(kind).splitlines()) < 40


@pytest.mark.parametrize("claim", CLAIMS, ids=str)
@pytest.mark.parametrize("kind", PUBLISHED)
def test_it_keeps_every_claim_that_speaks_of_it(kind: type[Strategy], claim: Claim[Strategy]) -> None:
    strategy = kind()
    if kind in ELSEWHERE and claim.name == "common-random-numbers":
        with pytest.raises(NotApplicable):
            conform(strategy, claim)
    else:
        conform(strategy, claim)


# At an extreme setting each is something simpler, on the same random numbers.


@pytest.mark.parametrize("seed", range(4))
def test_one_window_is_a_plain_vote(seed: int) -> None:
    assert told(last(votes.EarlyStopping(8, 8), opened(seed=seed))) == told(plain(8, opened(seed=seed)))


@pytest.mark.parametrize("seed", range(4))
def test_the_k_shortest_of_k_are_a_plain_vote_up_to_ties(seed: int) -> None:
    mine, other = last(votes.ShortestOfMany(8, 8), opened(seed=seed)), plain(8, opened(seed=seed))
    assert told(mine)[1:] == told(other)[1:]
    ballots = [trace.segments[-1].text for trace in other.traces]
    assert ballots.count(mine.text.strip()) >= ballots.count(other.text.strip())


def test_one_temperature_is_a_plain_vote() -> None:
    assert told(last(votes.Temperatures((1.0,) * 5), opened())) == told(plain(5, opened()))


def test_one_round_and_one_loop_are_the_baseline_token_for_token() -> None:
    baseline = plain(1, opened())
    assert told(last(texts.ThinkTwice(1), opened())) == told(baseline)
    assert told(last(texts.SelfAggregation(6, 2, 1), opened())) == told(plain(6, opened()))


def test_a_beam_of_one_is_the_baseline_in_steps() -> None:
    baseline = plain(1, opened(paragraphs))
    assert told(last(texts.StepBeam(1, 1, steps=100), opened(paragraphs))) == told(baseline)


# What papers count


def test_a_window_without_answers_agrees_on_nothing() -> None:
    def silent(text: str, draw: Draw) -> str:
        return END if END_THINK in text.partition(THINK)[2] else f"hm{END_THINK}"

    found = answers(votes.EarlyStopping(4, 12), opened(silent))
    assert [len(answer.traces) for answer in found] == [4, 8, 12]


@pytest.mark.parametrize("seed", range(6))
def test_of_windows_whole_ones_are_counted(seed: int) -> None:
    found = answers(votes.EarlyStopping(2, 12), opened(seed=seed))
    assert [len(answer.traces) for answer in found] == list(range(2, 2 * len(found) + 1, 2))
    said = [number(trace.segments[-1].text) for trace in found[-1].traces]
    windows = [set(said[place : place + 2]) for place in range(0, len(said), 2)]
    assert all(len(window) > 1 for window in windows[:-1])
    assert len(windows[-1]) == 1 or len(found) == 6


@pytest.mark.parametrize("seed", range(4))
def test_the_m_shortest_stop_the_others_at_their_tick(seed: int) -> None:
    """Lengths of 100, 200, 300, 400 and m = 2 are 700 thinking tokens and 200 on the critical path."""

    def script(text: str, draw: Draw) -> str:
        if END_THINK in text.partition(THINK)[2]:
            return f"\\boxed{{1}}{END}"
        return "x" * (100 * (1 + int(draw(0) * 4)) - 1) + END_THINK

    door = opened(script, seed)
    lengths = sorted(done(opened(script, seed).branch(str(index)).think()).thinking_tokens for index in range(6))
    answer = last(votes.ShortestOfMany(2, 6), door)
    stop = lengths[1]
    assert answer.cost.thinking + answer.cost.discarded == sum(min(length, stop) for length in lengths)
    reply = sum(answer.traces[0].segments[place].spent for place in (2, 3))
    assert answer.cost.sequential == stop + reply


def test_rejected_samples_are_paid_in_full() -> None:
    answer = last(votes.Rejection(limit=20, tries=50), opened())
    assert answer.cost.thinking <= 20 < answer.cost.discarded
    assert answer.cost.sequential == answer.cost.generated  # one after the other


def test_a_beam_of_eight_keeps_two_a_round_and_pays_for_eight_steps() -> None:
    def endless(text: str, draw: Draw) -> str:
        if END_THINK in text.partition(THINK)[2]:
            return f"\\boxed{{1}}{END}"
        return "".join(f"{chr(97 + int(draw(place) * 26))}\n\n" for place in range(50)) + END_THINK

    answer = last(texts.StepBeam(width=2, expand=4, steps=3), opened(endless))
    assert answer.cost.thinking + answer.cost.discarded == (4 + 8 + 8) * len("a\n\n")


def test_self_aggregation_makes_n_times_t_answers_and_pays_for_what_was_shown() -> None:
    world = World(rambler)
    [record] = world.run_arms([Arm("rsa", texts.SelfAggregation(population=4, shown=2, loops=3))])
    assert record.error is None
    assert len(_replies(record)) == 12
    billed = [record.segments[place] for place in record.answers[-1].segments]
    assert 4 < sum(segment.kind == "answer" for segment in billed) <= 12
    assert record.answers[-1].cost.context > 0


def _replies(record: Record) -> list[Any]:
    return [segment for segment in record.segments if segment.kind == "answer"]
