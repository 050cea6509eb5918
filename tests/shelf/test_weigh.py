"""Claim: strategies that weigh samples keep the contract, and weigh as their papers say."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from hashlib import sha256
from math import inf, log
from random import Random

import numpy as np
import pytest
from scorio import aggregate

from tests.scripts import number, rambler
from tests.shelf.opened import answers, opened, plain, told
from tests.shelf.pools import scored, shy, silent
from tts_bench import api
from tts_bench.api import Answer, Strategy
from tts_bench.scorer import Verdict
from tts_bench.strategies.weigh import weights
from tts_bench.strategies.weigh.best_of_majority import BestOfMajority
from tts_bench.strategies.weigh.best_of_n import BestOfN
from tts_bench.strategies.weigh.cisc import Cisc
from tts_bench.strategies.weigh.genselect import GenSelect
from tts_bench.strategies.weigh.picsar import Picsar
from tts_bench.strategies.weigh.self_certainty import SelfCertainty
from tts_bench.strategies.weigh.universal_self_consistency import UniversalSelfConsistency
from tts_bench.strategies.weigh.weighted_vote import WeightedVote
from tts_bench.testing import CLAIMS, Claim, conform

COLUMNS = ("logprob", "top_mean:20", "top_mean:5")
# Of 6 samples, not of 16 as usual: their claims take a third of the time.
SCORED = [
    *[BestOfN(6), BestOfN(6, "good", "min"), WeightedVote(6), WeightedVote(5, how="prod")],
    BestOfMajority(0.3, samples=6),
]
OWN = [
    *[SelfCertainty(samples=6), SelfCertainty(2.0, 5, 7), Cisc(samples=6), Picsar(samples=6)],
    Picsar(normalized=True, samples=6),
]
ASKED = [UniversalSelfConsistency(), UniversalSelfConsistency(5, 30), GenSelect(), GenSelect(7, 3)]


@pytest.mark.parametrize("claim", CLAIMS, ids=str)
@pytest.mark.parametrize("strategy", [*SCORED, *OWN, *ASKED], ids=str)
def test_it_keeps_every_claim(strategy: Strategy, claim: Claim[Strategy]) -> None:
    conform(strategy, claim)


def constant(text: str) -> Verdict:
    return Verdict(0.5, (0.5,), read=10)


def digest(text: str) -> Verdict:
    """A number of each text that nobody can foresee."""
    value = sha256(text.encode()).digest()[0] / 256
    return Verdict(value, (value, 0.5), read=len(text))


def played(strategy: Strategy, seed: int = 0, say: object = digest, script: object = rambler) -> list[Answer]:
    return answers(strategy, opened(script, seed, say=say, columns=COLUMNS))  # type: ignore[arg-type]


# At an extreme setting each is something simpler, token for token and bill for bill.


@pytest.mark.parametrize(
    "strategy",
    [
        *[BestOfN(1), WeightedVote(1), BestOfMajority(samples=1), SelfCertainty(samples=1), Cisc(samples=1)],
        *[Picsar(samples=1), UniversalSelfConsistency(1), GenSelect(1)],
    ],
    ids=str,
)
@pytest.mark.parametrize("seed", range(3))
def test_of_one_sample_it_is_the_baseline(strategy: Strategy, seed: int) -> None:
    [answer] = played(strategy, seed)
    assert told(answer) == told(plain(1, opened(seed=seed)))


@pytest.mark.parametrize("script", [rambler, shy])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("strategy", [WeightedVote(9), SelfCertainty(0.0, samples=9), Cisc(inf, 9)], ids=str)
def test_equal_weights_are_a_plain_vote_at_every_rung(strategy: Strategy, seed: int, script: object) -> None:
    for count, answer in enumerate(played(strategy, seed, constant, script), 1):
        assert told(answer) == told(plain(count, opened(script, seed)))  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(3))
def test_of_equal_scores_the_first_wins(seed: int) -> None:
    for answer in played(BestOfN(8), seed, constant):
        assert answer.text == plain(1, opened(seed=seed)).text


@pytest.mark.parametrize("seed", range(5))
def test_sharp_weights_take_the_surest_sample(seed: int) -> None:
    certain = [certainties(seed, count)[0] for count in range(1, 8)]
    assert [answer.text for answer in played(SelfCertainty(1000.0, samples=7), seed)] == certain
    probable = [certainties(seed, count)[1] for count in range(1, 8)]
    assert [answer.text for answer in played(Cisc(1e-6, 7), seed)] == probable


def certainties(seed: int, count: int) -> tuple[str, str]:
    """Answers of the most certain of the first samples: by self-certainty@20, and by mean log-probability."""
    door = opened(seed=seed, columns=COLUMNS)
    traces = [plain_one(door, index) for index in range(count)]
    by_top = min(traces, key=lambda answer: float(np.mean(door.logprobs(answer.traces[0], "top_mean:20"))))
    by_own = max(traces, key=lambda answer: float(np.mean(door.logprobs(answer.traces[0]))))
    return by_top.text, by_own.text


def plain_one(door: api.Reasoner, index: int) -> Answer:
    from tests.shelf.opened import done
    from tts_bench.strategies.sampling import once

    return done(once(door.branch(str(index))))


# What each is paid for


@pytest.mark.parametrize("strategy", [BestOfN(6), WeightedVote(6), BestOfMajority(samples=6)], ids=str)
def test_each_rung_pays_for_its_samples_and_for_the_reading_of_each(strategy: Strategy) -> None:
    for count, answer in enumerate(played(strategy, 1, constant), 1):
        assert told(answer)[1:] == told(plain(count, opened(seed=1)))[1:]
        assert answer.cost.verifier == 10 * count


@pytest.mark.parametrize("strategy", [SelfCertainty(samples=6), Cisc(samples=6), Picsar(samples=6)], ids=str)
def test_log_probabilities_cost_nothing_beside_the_samples(strategy: Strategy) -> None:
    for count, answer in enumerate(played(strategy), 1):
        assert answer.cost == plain(count, opened()).cost


def test_the_log_probabilities_of_an_answer_are_the_last_of_its_trace() -> None:
    door = opened(columns=COLUMNS)
    [trace] = plain_one(door, 0).traces
    sampled = [segment for segment in trace.segments if segment.stream]
    assert [segment.kind for segment in sampled] == ["thinking", "answer"]
    assert len(door.logprobs(trace)) == sum(segment.spent for segment in sampled)


# Answers that cannot be extracted


@pytest.mark.parametrize("strategy", [*SCORED, *OWN, *ASKED], ids=str)
def test_a_sample_without_an_answer_is_chosen_only_where_there_is_no_other(strategy: Strategy) -> None:
    for seed in range(4):
        said: list[str | None] = []
        for count, answer in enumerate(played(strategy, seed, script=shy), 1):
            said = [number(trace.segments[-1].text) for trace in plain(count, opened(shy, seed)).traces]
            if len(strategy.rungs) > 1:  # type: ignore[attr-defined]
                assert (answer.extracted is None) == (set(said) == {None})
    assert played(strategy, script=silent)[-1].extracted is None


# Equality with an independent implementation, on random pools with ties among scores


def winner(said: Sequence[str | None], weighed: Sequence[float]) -> str | None:
    """The vote of the contract: most weight, of equals the first seen."""
    totals: dict[str, float] = defaultdict(float)
    for each, weight in zip(said, weighed, strict=True):
        if each is not None:
            totals[each] += weight
    return max(totals, key=totals.__getitem__, default=None)


@pytest.mark.parametrize("levels", [None, 4])
def test_votes_and_choices_are_those_of_scorio(levels: int | None) -> None:
    for said, values in scored(1, levels=levels):
        chosen = said[weights.best(values, said)]
        assert chosen == aggregate.best_of_n(said, values)
        assert winner(said, weights.own(values, said)) == aggregate.weighted_majority_vote(said, values)
        for power in (0.0, 0.5, 1.0, 2.0, 50.0):
            ours = winner(said, weights.borda(values, said, power))
            assert ours == aggregate.rank_weighted_vote(said, values, p=power), (said, values, power)
        for temperature in (0.01, 0.3, 1.0, inf):
            ours = winner(said, weights.softmax(values, said, temperature))
            assert ours == aggregate.softmax_weighted_vote(said, values, temperature=temperature)
        for alpha in (0.0, 0.2, 0.5, 1.0):
            index = weights.of_frequent(values, said, alpha)
            theirs, place = aggregate.best_of_majority(said, values, alpha=alpha, return_index=True)
            assert (said[index], index if said[index] else -1) == (theirs, place)


def test_steps_are_aggregated_as_scorio_does() -> None:
    draw = Random(0)
    for _ in range(1000):
        steps = [draw.random() for _ in range(draw.randint(1, 9))]
        for how in ("last", "min", "prod", "mean"):
            assert api.aggregate(steps, how) == pytest.approx(aggregate.prm_aggregate(steps, method=how))


def test_picsar_is_that_of_scorio() -> None:
    draw = Random(0)
    for _ in range(1000):
        logprobs = [-draw.expovariate(1.0) for _ in range(draw.randint(1, 30))]
        answer = draw.randint(0, len(logprobs))
        for normalized in (False, True):
            theirs = aggregate.picsar(logprobs, answer_start=len(logprobs) - answer, normalize_reasoning=normalized)
            assert weights.picsar(logprobs, answer, normalized=normalized) == pytest.approx(theirs)


def test_self_certainty_at_k_is_scorios_less_the_mean_log_of_the_probability_of_the_k_tokens() -> None:
    draw = np.random.default_rng(0)
    for _ in range(1000):
        whole = np.log(draw.dirichlet(np.full(30, 0.3), size=draw.integers(1, 9)) + 1e-12)
        largest = np.sort(whole, axis=1)[:, ::-1][:, :20]
        held = np.log(np.exp(largest).sum(axis=1)).mean()
        mine = weights.self_certainty([float(row.mean()) for row in largest], 20)
        assert mine == pytest.approx(aggregate.self_certainty(largest) - held)


def test_self_certainty_of_the_whole_vocabulary_is_the_divergence_from_uniform() -> None:
    assert weights.self_certainty([-log(50)] * 3, 50) == pytest.approx(0.0)
    surer = [np.log(np.full(4, (1 - top) / 3)) for top in (0.3, 0.6, 0.99)]
    for row, top in zip(surer, (0.3, 0.6, 0.99), strict=True):
        row[0] = log(top)
    found = [weights.self_certainty([float(row.mean())], 4) for row in surer]
    assert found == sorted(found)
    divergence = [float((0.25 * (log(0.25) - row)).sum()) for row in surer]
    assert found == pytest.approx(divergence)


def test_certainty_without_a_doubt_is_endless_and_ranks_first() -> None:
    endless, none = weights.self_certainty([-inf, -1.0], 4), weights.self_certainty([], 4)
    assert (endless, none) == (inf, 0.0)
    assert weights.borda([0.5, endless, none], ["a", "b", "c"], 1.0) == [2.0, 3.0, 1.0]


def test_borda_is_a_plain_vote_at_power_0_and_the_best_sample_at_a_large_one() -> None:
    said, values = ["a", None, "b", "b"], [0.9, 1.0, 0.1, 0.2]
    assert weights.borda(values, said, 0.0) == [1.0, 0.0, 1.0, 1.0]
    assert weights.borda(values, said, 1.0) == [3.0, 0.0, 1.0, 2.0]
    assert winner(said, weights.borda(values, said, 1.0)) == "a"  # 3 against 3: the first seen
    assert winner(said, weights.borda(values, said, 0.5)) == "b"
    assert winner(said, weights.borda(values, said, 1e6)) == "a"
    assert weights.borda(values, said, 1e300) == [1.0, 0.0, 0.0, 0.0]  # no number of 10^300 digits on the way
    assert weights.borda([0.1, 0.2], ["a", "b"], 52.0) == [1.0, 2.0**52]


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (lambda: BestOfN(0), "samples is 0; it takes a whole number from 1 upwards"),
        (lambda: BestOfMajority(1.5), "alpha is 1.5; it takes a number from 0 to 1"),
        (lambda: SelfCertainty(-1.0), "power is -1.0; it takes a number from 0 upwards"),
        (lambda: SelfCertainty(inf), "power is inf"),
        (lambda: SelfCertainty(k=1), "k is 1; it takes a whole number from 2 upwards"),
        (lambda: Cisc(0.0), "temperature is 0.0; it takes a number above 0"),
        (lambda: GenSelect(window=1), "window is 1; it takes a whole number from 2 upwards"),
    ],
)
def test_what_is_out_of_range_is_refused(made: object, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        made()  # type: ignore[operator]


@pytest.mark.parametrize(
    ("strategy", "needs"),
    [(BestOfN(), "scorer"), (WeightedVote(scorer="prm"), "scorer:prm"), (SelfCertainty(k=5), "top_mean:5")],
    ids=str,
)
def test_it_says_what_it_needs(strategy: Strategy, needs: str) -> None:
    assert strategy.needs == (needs,)  # type: ignore[attr-defined]
