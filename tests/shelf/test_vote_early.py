"""Claim: votes that stop early keep the contract, and stop where their papers say."""

from __future__ import annotations

from fractions import Fraction
from itertools import accumulate
from math import inf
from random import Random

import pytest
from scipy.integrate import quad
from scipy.special import betainc
from scorio import aggregate

from tests.scripts import number
from tests.shelf.opened import answers, last, opened, plain, told
from tests.shelf.pools import pools, shy, silent, unanimous
from tts_bench.api import Strategy
from tts_bench.strategies.vote_early import rules
from tts_bench.strategies.vote_early.adaptive_consistency import AdaptiveConsistency
from tts_bench.strategies.vote_early.certified_vote import CertifiedVote
from tts_bench.strategies.vote_early.doubling_vote import DoublingVote
from tts_bench.strategies.vote_early.early_stopping import EarlyStopping
from tts_bench.testing import CLAIMS, Claim, conform

KINDS: list[AdaptiveConsistency | CertifiedVote | DoublingVote | EarlyStopping] = [
    AdaptiveConsistency(),
    AdaptiveConsistency("dirichlet", 0.8, 9),
    AdaptiveConsistency("entropy"),
    AdaptiveConsistency("majority"),
    CertifiedVote(),
    CertifiedVote(0.4, 7, 30),
    DoublingVote(),
    EarlyStopping(),
    EarlyStopping(2, 7, 30),
]
SEEDS = range(6)


@pytest.mark.parametrize("claim", CLAIMS, ids=str)
@pytest.mark.parametrize("strategy", KINDS, ids=str)
def test_it_keeps_every_claim(strategy: Strategy, claim: Claim[Strategy]) -> None:
    conform(strategy, claim)


# At an extreme setting each is the plain vote, token for token and bill for bill.


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    "strategy", [AdaptiveConsistency(threshold=1.0, cap=8), CertifiedVote(0.0, 8), EarlyStopping(8, 8)], ids=str
)
def test_what_never_stops_is_a_plain_vote(strategy: Strategy, seed: int) -> None:
    assert told(last(strategy, opened(seed=seed))) == told(plain(8, opened(seed=seed)))


@pytest.mark.parametrize("strategy", KINDS, ids=str)
def test_where_nothing_can_be_extracted_it_draws_up_to_its_cap(strategy: AdaptiveConsistency) -> None:
    [answer] = answers(strategy, opened(silent))
    assert len(answer.traces) == strategy.cap
    assert answer.extracted is None


@pytest.mark.parametrize("script", [shy, None])
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("strategy", KINDS, ids=str)
def test_it_votes_on_the_first_samples_up_to_the_first_stop_and_pays_for_these(
    strategy: AdaptiveConsistency, seed: int, script: None
) -> None:
    def door() -> object:
        return opened(seed=seed) if script is None else opened(script, seed)

    [answer] = answers(strategy, door())  # type: ignore[arg-type]
    count = len(answer.traces)
    budget = strategy.budget
    if budget is None:
        assert told(answer) == told(plain(count, door()))  # type: ignore[arg-type]
    said = [number(trace.segments[-1].text) for trace in answer.traces]
    checked = {
        AdaptiveConsistency: range(1, strategy.cap),
        CertifiedVote: range(1, strategy.cap),
        DoublingVote: (2, 4, 8),
        EarlyStopping: range(getattr(strategy, "window", 1), strategy.cap, getattr(strategy, "window", 1)),
    }[type(strategy)]
    stops = [total for total in checked if total <= count and strategy.decided(said[:total])]
    assert stops == ([count] if count < strategy.cap else [])


def test_the_single_rung_is_the_cap() -> None:
    for strategy in KINDS:
        assert strategy.rungs == (str(strategy.cap),)


def test_samples_that_follow_each_other_are_on_one_path_and_those_of_a_round_are_side_by_side() -> None:
    one_by_one = last(AdaptiveConsistency(threshold=1.0, cap=6), opened()).cost
    assert one_by_one.sequential == one_by_one.generated
    at_once = last(EarlyStopping(6, 6), opened()).cost
    assert at_once.sequential == plain(6, opened()).cost.sequential
    assert at_once.sequential < last(EarlyStopping(2, 6), opened()).cost.sequential < one_by_one.sequential


@pytest.mark.parametrize(
    ("strategy", "samples"),
    [
        (AdaptiveConsistency(), 4),
        (AdaptiveConsistency("dirichlet"), 4),
        (AdaptiveConsistency("entropy"), 4),  # the entropy of 4 votes against an imagined one is 0.72
        (AdaptiveConsistency("majority"), 2),
        (CertifiedVote(), 8),
        (DoublingVote(), 2),
        (EarlyStopping(), 5),
    ],
    ids=str,
)
def test_unanimous_samples_stop_at_the_first_chance(strategy: Strategy, samples: int) -> None:
    assert len(last(strategy, opened(unanimous)).traces) == samples


def test_doubling_draws_2_4_8_and_up_to_its_cap() -> None:
    assert list(DoublingVote(cap=16).totals()) == [2, 4, 8, 16]
    assert list(DoublingVote(cap=11).totals()) == [2, 4, 8, 11]
    assert list(DoublingVote(cap=1).totals()) == [1]


def test_a_share_counts_all_samples_and_three_of_four_are_enough() -> None:
    assert DoublingVote().decided(["a", "a"])
    assert DoublingVote().decided(["a", "b", "a", "a"])
    assert not DoublingVote().decided(["a", "b"])
    assert not DoublingVote().decided([None, "a"])
    assert not AdaptiveConsistency("majority").decided(["a"])
    assert AdaptiveConsistency("majority").decided(["a", "a", "b", "a", "a"])
    assert not AdaptiveConsistency("majority").decided(["a", "a", None, "a"])


def test_entropy_is_normalized_and_one_answer_is_held_against_an_imagined_one() -> None:
    assert rules.entropy([3, 3, 3]) == pytest.approx(1.0)
    assert rules.entropy([4]) == rules.entropy([4, 1]) == pytest.approx(0.7219, abs=1e-4)
    assert not AdaptiveConsistency("entropy").decided(["a"] * 3)
    assert AdaptiveConsistency("entropy").decided(["a"] * 4)
    assert not AdaptiveConsistency("entropy", 1.0).decided(["a", None])


def test_a_unanimous_window_of_none_does_not_stop() -> None:
    assert not EarlyStopping(3).decided([None, None, None])
    assert not EarlyStopping(3).decided(["a", "a", None])
    assert EarlyStopping(3).decided(["b", "a", "a", "a"])


# Adaptive-Consistency


@pytest.mark.parametrize(
    ("votes", "probability"),
    [((4, 0), 0.96875), ((3, 0), 0.9375), ((5, 1), 0.9375), ((6, 1), 0.96484375), ((0, 0), 0.5)],
)
def test_the_beta_probability_has_the_values_of_the_paper(votes: tuple[int, int], probability: float) -> None:
    assert rules.beta(*votes) == probability


def test_the_integral_is_the_binomial_tail_for_all_votes_up_to_forty() -> None:
    for first in range(41):
        for second in range(min(first, 40 - first) + 1):
            assert float(rules.beta(first, second)) == pytest.approx(1 - betainc(first + 1, second + 1, 0.5), abs=1e-12)


def test_the_dirichlet_probability_is_that_of_beta_for_two_and_even_for_equals() -> None:
    for first in range(9):
        for second in range(9):
            assert rules.dirichlet([first, second]) == rules.beta(first, second)
    for count in range(1, 8):
        assert rules.dirichlet([3] * count) == Fraction(1, count)


def test_the_dirichlet_probability_is_what_draws_give() -> None:
    draw = Random(0)
    for votes in ([5, 2, 1], [3, 3, 1, 1], [9, 1, 1, 1, 1, 1]):
        rounds = [[draw.gammavariate(each + 1, 1.0) for each in votes] for _ in range(20_000)]
        share = sum(max(shares) == shares[0] for shares in rounds) / len(rounds)
        assert share == pytest.approx(float(rules.dirichlet(votes)), abs=0.015)


@pytest.mark.parametrize("stop", ["beta", "dirichlet"])
@pytest.mark.parametrize("threshold", [0.7, 0.95])
def test_it_stops_where_scorio_stops(stop: str, threshold: float) -> None:
    theirs = {
        "beta": aggregate.adaptive_consistency_stop,
        "dirichlet": aggregate.adaptive_consistency_dirichlet_stop,
    }[stop]
    for said in pools(1):
        mine = AdaptiveConsistency(stop, threshold).decided(said)  # type: ignore[arg-type]
        assert mine == theirs(said, threshold=threshold), said


def test_windows_are_unanimous_where_scorio_says_so() -> None:
    for said in pools(2, most=6, silent=0.05):
        assert EarlyStopping(len(said), 16).decided(said) == aggregate.esc_stop(said)


# The certificate


def test_evidence_is_the_mean_over_all_stakes() -> None:
    for hits in range(8):
        for misses in range(8):

            def money(stake: float, won: int = hits, lost: int = misses) -> float:
                return float((1 + stake) ** won * (1 - stake) ** lost)

            assert float(rules.evidence(hits, misses)) == pytest.approx(quad(money, 0, 1)[0])


def test_evidence_gains_nothing_on_average_where_the_bet_is_even() -> None:
    for hits in range(12):
        for misses in range(12):
            after = (rules.evidence(hits + 1, misses) + rules.evidence(hits, misses + 1)) / 2
            assert after == rules.evidence(hits, misses)


def test_of_what_was_not_seen_before_nobody_bets() -> None:
    assert rules.against(["a"], None) == 1
    assert rules.against(["a", "a", "a"], None) == rules.evidence(2, 0)
    assert rules.against(["a", "b", "b", "a"], "b") == rules.evidence(1, 2)
    assert rules.against(["b", "a", "a", "a"], "b") == rules.evidence(2, 0)  # the first "a" has no rival to bet on


SHARES = [  # of the most frequent answer and the others; some are as hard as it gets
    (0.34, 0.33, 0.33),
    (0.5, 0.5),
    (0.51, 0.49),
    (0.3, *(0.1,) * 7),
    (0.1, *(0.09,) * 10),
    (0.6, 0.4),
]


@pytest.mark.parametrize("shares", SHARES, ids=str)
@pytest.mark.parametrize("error", [0.05, 0.2])
def test_a_wrong_stop_is_as_rare_as_guaranteed(shares: tuple[float, ...], error: float) -> None:
    """Simulated with up to 100 samples, looked at after each, and 3.5 standard deviations for chance."""
    draw, rounds, wrong = Random(f"{shares} {error}"), 400, 0
    ends = list(accumulate(shares))
    for _ in range(rounds):
        said: list[str | None] = []
        while len(said) < 100:
            place = draw.random() * ends[-1]
            said.append(None if draw.random() < 0.1 else str(next(n for n, end in enumerate(ends) if place < end)))
            if rules.certified(said, error):
                leader = max(dict.fromkeys(said), key=lambda each: -inf if each is None else said.count(each))
                wrong += shares[int(leader or 0)] < max(shares)
                break
    assert wrong / rounds <= error + 3.5 * (error * (1 - error) / rounds) ** 0.5


def test_a_clear_majority_gets_its_certificate() -> None:
    draw, found = Random(0), 0
    for _ in range(200):
        said: list[str | None] = [draw.choices("abc", (8, 1, 1))[0] for _ in range(40)]
        found += any(rules.certified(said[:count], 0.05) for count in range(1, 41))
    assert found > 190


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (lambda: EarlyStopping(9, 8), "window is 9; it takes at most the cap, 8"),
        (lambda: DoublingVote(0.5), "threshold is 0.5; it takes a number above 0.5, at most 1"),
        (lambda: CertifiedVote(1.5), "error is 1.5; it takes a number from 0 to 1"),
        (lambda: AdaptiveConsistency("crp"), "stop is 'crp'; it takes one of beta, dirichlet, entropy, majority"),  # type: ignore[arg-type]
        (lambda: AdaptiveConsistency(cap=0), "cap is 0; it takes a whole number from 1 upwards"),
    ],
)
def test_what_is_out_of_range_is_refused(made: object, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        made()  # type: ignore[operator]
