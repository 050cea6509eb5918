"""Strategies that go by the length of thinking: the k-th order statistic on the token clock, and what is paid."""

from __future__ import annotations

import pytest

from tests.scripts import number
from tests.shelf.opened import answers, done, last, opened, plain, told
from tts_bench.api import Strategy
from tts_bench.engines.scripted import END, END_THINK, THINK, Draw
from tts_bench.strategies.confidence.deepconf import DeepConf
from tts_bench.strategies.confidence.deepconf_online import DeepConfOnline
from tts_bench.strategies.length.finishing import by_length, finished
from tts_bench.strategies.length.first_finish import FirstFinish
from tts_bench.strategies.length.last_finish import LastFinish
from tts_bench.strategies.length.rejection_sampling import RejectionSampling
from tts_bench.strategies.length.short_m_at_k import ShortMAtK
from tts_bench.testing import CLAIMS, Claim, conform

SEEDS = range(4)
STRATEGIES = [ShortMAtK(2, 6), FirstFinish(6), LastFinish(6), RejectionSampling(20, 6)]


@pytest.mark.parametrize("claim", CLAIMS, ids=str)
@pytest.mark.parametrize("strategy", STRATEGIES, ids=str)
def test_it_keeps_every_claim(strategy: Strategy, claim: Claim[Strategy]) -> None:
    conform(strategy, claim)


def hundreds(text: str, draw: Draw) -> str:
    """Thinks 100, 200, 300 or 400 tokens, its end among them, and answers with the hundreds."""
    thinking = text.partition(THINK)[2]
    if END_THINK in thinking:
        return f"\\boxed{{{(thinking.index(END_THINK) + 1) // 100}}}{END}"
    return "x" * (100 * (1 + int(draw(0) * 4)) - 1) + END_THINK


def lengths(seed: int, count: int = 6) -> list[int]:
    return [done(opened(hundreds, seed).branch(str(index)).think()).thinking_tokens for index in range(count)]


@pytest.mark.parametrize("seed", SEEDS)
def test_the_m_shortest_stop_the_others_at_their_tick(seed: int) -> None:
    """Lengths of 100, 200, 300, 400 and m = 2 are 100 + 200 + 200 + 200 thinking tokens, 200 on the critical path."""
    answer = last(ShortMAtK(2, 6), opened(hundreds, seed))
    stop = sorted(lengths(seed))[1]
    assert answer.cost.thinking + answer.cost.discarded == sum(min(length, stop) for length in lengths(seed))
    reply = sum(answer.traces[0].segments[place].spent for place in (2, 3))
    assert answer.cost.sequential == stop + reply


def test_the_single_rung_is_the_number_of_samples_that_were_begun() -> None:
    for strategy in (ShortMAtK(2, 6), FirstFinish(6), LastFinish(6)):
        assert strategy.rungs == ("6",)
    assert DeepConf(samples=6).rungs == DeepConfOnline(warmup=2, samples=6).rungs == ("6",)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_k_shortest_of_k_are_a_plain_vote_up_to_ties(seed: int) -> None:
    mine, other = last(ShortMAtK(8, 8), opened(seed=seed)), plain(8, opened(seed=seed))
    assert told(mine)[1:] == told(other)[1:]
    ballots = [number(trace.segments[-1].text) for trace in other.traces]
    assert ballots.count(mine.extracted) == ballots.count(other.extracted)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_tie_goes_to_the_shortest_thinking(seed: int) -> None:
    answer = last(ShortMAtK(6, 6), opened(hundreds, seed))
    said = [length // 100 for length in lengths(seed)]
    most = max(map(said.count, said))
    assert answer.extracted == str(min(each for each in said if said.count(each) == most))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_first_is_the_shortest_and_the_last_the_longest_of_all(seed: int) -> None:
    first, longest = last(FirstFinish(6), opened(hundreds, seed)), last(LastFinish(6), opened(hundreds, seed))
    drawn = lengths(seed)
    assert (first.extracted, longest.extracted) == (str(min(drawn) // 100), str(max(drawn) // 100))
    assert first.cost.thinking + first.cost.discarded == 6 * min(drawn)
    assert longest.cost.thinking + longest.cost.discarded == sum(drawn)
    assert told(first)[0] == told(last(ShortMAtK(1, 6), opened(hundreds, seed)))[0]


def test_a_sample_that_a_limit_cut_has_not_finished() -> None:
    traces = [done(opened(hundreds, 1).branch(str(index)).think(max_tokens=250)) for index in range(6)]
    pairs = [(opened(hundreds, 1), trace) for trace in traces]
    assert [trace for _, trace in finished(pairs)] == [trace for trace in traces if not trace.truncated]
    cut = [pair for pair in pairs if pair[1].truncated]
    assert finished(cut) == cut
    assert [trace.thinking_tokens for _, trace in by_length(pairs)] == sorted(t.thinking_tokens for t in traces)


def test_rejected_samples_are_paid_in_full_and_one_after_the_other() -> None:
    answer = last(RejectionSampling(limit=20, tries=50), opened())
    assert answer.cost.thinking <= 20 < answer.cost.discarded
    assert answer.cost.sequential == answer.cost.generated


@pytest.mark.parametrize("seed", SEEDS)
def test_without_a_limit_rejection_is_the_baseline_and_after_its_tries_the_last_answers(seed: int) -> None:
    assert told(last(RejectionSampling(10**6), opened(seed=seed))) == told(plain(1, opened(seed=seed)))
    [answer] = answers(RejectionSampling(limit=1, tries=3), opened(hundreds, seed))
    assert answer.cost.thinking + answer.cost.discarded == sum(lengths(seed, 3))


@pytest.mark.parametrize(
    ("kind", "options", "said"),
    [
        (ShortMAtK, {"m": 9, "k": 8}, "m is 9; it takes at most k, 8"),
        (FirstFinish, {"n": 0}, "n is 0; it takes a whole number from 1 upwards"),
        (RejectionSampling, {"limit": 0}, "limit is 0"),
    ],
)
def test_options_out_of_range_are_refused(kind: type[Strategy], options: dict[str, int], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        kind(**options)
