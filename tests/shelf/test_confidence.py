"""Claims about DeepConf: scores, lines and deaths are the published ones; extreme settings are something simpler."""

from __future__ import annotations

from dataclasses import replace
from math import inf
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scorio import aggregate as scorio

from tests.scripts import World, number, rambler
from tests.shelf.opened import last, plain, told
from tts_bench.api import Strategy
from tts_bench.core.ledger import Ledger
from tts_bench.core.reasoner import ModelReasoner
from tts_bench.strategies.confidence.deepconf import DeepConf
from tts_bench.strategies.confidence.deepconf_online import DeepConfOnline
from tts_bench.strategies.confidence.deepconf_online_short import DeepConfOnlineShort
from tts_bench.strategies.confidence.deepconf_short import DeepConfShort
from tts_bench.strategies.confidence.groups import first_below, group_means, kept, percentile, score
from tts_bench.testing import CLAIMS, Claim, conform

SETTINGS = [
    DeepConf(4),
    DeepConfShort(4, window=5),
    DeepConfOnline(2, 4),
    DeepConfOnlineShort(2, 4, window=4, tau=None),
]


def opened(seed: int = 0) -> ModelReasoner:
    world = World(rambler, seed=seed, columns=("top_mean:20",))
    return ModelReasoner(world.item().problem, world.scheduler, world.conditions, number, Ledger())


@pytest.mark.parametrize("claim", CLAIMS, ids=str)
@pytest.mark.parametrize("strategy", SETTINGS, ids=lambda each: type(each).__name__)
def test_every_claim_is_kept(strategy: Strategy, claim: Claim[Strategy]) -> None:
    conform(strategy, claim)


def pools(count: int = 1000) -> list[list[float]]:
    chance = Random(7)
    return [[chance.uniform(0, 5) for _ in range(chance.randint(1, 60))] for _ in range(count)]


def test_scores_and_deaths_are_scorios_on_a_thousand_traces() -> None:
    for place, values in enumerate(pools()):
        rows, window, line = [[-each] for each in values], 1 + place % 17, 1.0 + place % 4
        for mine, theirs in (("mean", "mean"), ("tail", "tail"), ("lowest", "lowest_group")):
            found = scorio.deepconf_confidence(rows, mode=theirs, window=window, tail_tokens=window)
            assert score(values, mine, window) == pytest.approx(found)  # type: ignore[arg-type]
        stop = scorio.deepconf_online_stop(rows, line, window=window)
        if len(values) >= window:
            assert first_below(values, window, line) == (None if stop is None else stop + 1)


def test_the_line_and_the_filtered_vote_are_scorios_on_a_thousand_pools() -> None:
    chance = Random(3)
    for values in pools():
        keep = chance.choice([10, 25, 50, 90, 100])
        assert percentile(values, 100 - keep) == pytest.approx(scorio.deepconf_stop_threshold(values, keep=keep / 100))
        said = [chance.choice("abc") for _ in values]
        weights: dict[str, float] = {}
        for place in kept(values, keep):
            weights[said[place]] = weights.get(said[place], 0.0) + values[place]
        assert max(weights, key=lambda answer: weights[answer]) == scorio.filtered_vote(said, values, keep=keep / 100)


def test_the_lowest_tenth_is_scorios_but_for_a_group_that_it_takes_more() -> None:
    """Its percentile is interpolated: of n groups it takes one more than n / 10 where that is not whole."""
    for place, values in enumerate(pools()):
        rows, window = [[-each] for each in values], 1 + place % 17
        groups = sorted(group_means(values, window))
        theirs = scorio.deepconf_confidence(rows, mode="bottom_group", window=window)
        mine, taken = score(values, "bottom", window), (len(groups) - 1) // 10 + 1
        assert theirs == pytest.approx(sum(groups[:taken]) / taken)
        if taken == max(1, len(groups) // 10):
            assert mine == pytest.approx(theirs)
        else:
            assert mine < theirs
            assert taken == len(groups) // 10 + 1


def test_a_trace_shorter_than_the_window_has_one_score_and_never_dies() -> None:
    """The released code lets it live; scorio clamps the window and drops it at its last token."""
    values = [1.0, 3.0, 2.0]
    assert {score(values, way, 4) for way in ("mean", "tail", "bottom", "lowest")} == {2.0}
    assert first_below(values, 4, 2.5) is None
    assert scorio.deepconf_online_stop([[-each] for each in values], 2.5, window=4) == 2


def test_constant_confidence_is_every_score_and_a_death_costs_up_to_its_window() -> None:
    assert all(score([2.0] * 30, way, 8) == 2.0 for way in ("mean", "tail", "bottom", "lowest"))
    assert first_below([3.0, 3.0, 3.0, 1.0, 1.0], 2, 2.5) == 4
    assert first_below([1.0], 2, 2.5) is None
    assert group_means([1.0, 3.0], 4) == [2.0]


@given(st.floats(0.01, 30), st.integers(64, 700), st.integers(64, 700))
def test_of_two_traces_with_one_confidence_throughout_none_is_below_the_other(
    confidence: float, length: int, other: int
) -> None:
    line = score([confidence] * length, "lowest", 64)
    assert first_below([confidence] * other, 64, line) is None
    assert set(group_means([confidence] * length, 64)) == {line}


def test_a_token_that_the_model_held_for_impossible_leaves_the_groups_without_it_as_they_are() -> None:
    assert group_means([float("inf"), *[0.5] * 5], 2)[1:] == [0.5] * 4


def test_the_lowest_tenth_is_of_whole_groups_and_at_least_one() -> None:
    assert score([float(each) for each in range(25)], "bottom", 1) == 0.5
    assert score([4.0, 2.0, 3.0], "bottom", 1) == 2.0


def test_the_line_of_sixteen_warm_up_traces() -> None:
    assert (percentile(range(1, 17), 10), percentile(range(1, 17), 90)) == (2.5, 14.5)


@pytest.mark.parametrize("seed", range(4))
def test_all_kept_and_weighed_alike_is_a_plain_vote(seed: int) -> None:
    assert told(last(DeepConf(6, keep=100, weighted=False), opened(seed))) == told(plain(6, opened(seed)))


@pytest.mark.parametrize("seed", range(4))
def test_a_warm_up_that_is_the_whole_pool_is_offline_with_the_lowest_group(seed: int) -> None:
    online = last(DeepConfOnline(6, 6, keep=100, window=8), opened(seed))
    assert told(online) == told(last(DeepConf(6, score="lowest", keep=100, window=8), opened(seed)))


def test_dead_samples_are_paid_up_to_their_death_and_do_not_vote() -> None:
    world = [opened(seed) for seed in range(8)]
    killed = [last(DeepConfOnline(3, 9, keep=10, tau=None, window=4), door) for door in world]
    assert any(answer.cost.discarded for answer in killed)
    assert all(len(answer.traces) < 9 for answer in killed if answer.cost.discarded)


def test_a_consensus_ends_the_drawing() -> None:
    short = last(DeepConfOnline(4, 12, keep=100, tau=0.0), opened())
    assert told(short) == told(last(DeepConfOnline(4, 4, keep=100), opened()))


def test_where_no_window_is_whole_no_later_sample_dies() -> None:
    answer = last(DeepConfOnline(4, 9, keep=100, tau=None, window=10**6), opened())
    assert len(answer.traces) == 9
    assert answer.cost.discarded == 0


def test_the_largest_alone_would_be_lowest_where_the_model_is_surest() -> None:
    for strategy in (DeepConf(), DeepConfOnline()):
        with pytest.raises(ValueError, match="top is 1; it takes a whole number from 2 upwards"):
            replace(strategy, top=1)


@pytest.mark.parametrize("change", [{"keep": 0}, {"keep": 101}, {"keep": inf}, {"window": 0}, {"samples": 0}])
def test_values_out_of_range_are_refused(change: dict[str, float]) -> None:
    for strategy in (DeepConf(), DeepConfOnline()):
        with pytest.raises(ValueError, match="it takes"):
            replace(strategy, **change)  # type: ignore[arg-type]


def test_more_warm_up_than_samples_is_refused() -> None:
    with pytest.raises(ValueError, match="warmup is 9; it takes at most samples, 8"):
        DeepConfOnline(9, 8)
