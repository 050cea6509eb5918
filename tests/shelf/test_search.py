"""Claim: searches over steps keep the contract, share out their width as published, and pay for what they drop."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from tests.shelf.opened import last, opened, paragraphs, plain, told
from tests.shelf.scored import Says, led
from tts_bench import registry
from tts_bench.api import Answer, Strategy
from tts_bench.engines.scripted import END, END_THINK, THINK, Draw
from tts_bench.errors import UserError
from tts_bench.strategies.baseline import Baseline
from tts_bench.strategies.search.beam_search import BeamSearch
from tts_bench.strategies.search.dvts import DiverseTreeSearch
from tts_bench.strategies.search.particle_filtering import ParticleFiltering
from tts_bench.strategies.search.rebase import Rebase
from tts_bench.strategies.search.steps import particle_weights, shares
from tts_bench.testing import CLAIMS, Claim, conform

SEARCHES = ("beam-search", "dvts", "particle-filtering", "rebase")


def built(spec: str) -> Strategy:
    return registry.build(spec).strategy


@pytest.mark.parametrize("claim", CLAIMS, ids=str)
@pytest.mark.parametrize("name", SEARCHES)
def test_it_keeps_every_claim(name: str, claim: Claim[Strategy]) -> None:
    conform(built(name), claim)


def test_shares_add_up_to_the_width_and_equal_scores_get_equal_shares() -> None:
    assert shares([1.0, 0.0], 4, 0.2) == [4, 0]
    assert shares([0.5] * 3, 4, 0.2) == [2, 1, 1]  # plain floats give 2, 2, 0
    assert shares([0.5] * 7, 7, 0.2) == [1] * 7
    assert shares([1e6, 0.0], 3, 0.2) == [3, 0]
    drawn = Random(0)
    for _ in range(1000):
        values = sorted((drawn.random() for _ in range(drawn.randint(1, 20))), reverse=True)
        width = drawn.randint(0, 40)
        given = shares(values, width, 0.2)
        assert sum(given) == width
        assert min(given) >= 0


def test_weights_of_particles_are_the_odds_of_their_scores() -> None:
    assert particle_weights([0.5, 0.9]) == pytest.approx([0.1, 0.9])
    assert sum(particle_weights([0.0, 1.0, 0.5])) == pytest.approx(1.0)
    with pytest.raises(ValueError, match="takes scores from 0 to 1"):
        particle_weights([0.5, 3.0])


def same(thinking: str) -> float:
    return 0.5


def letter(thinking: str) -> float:
    """By the first letter of its last step."""
    return (ord(thinking.strip().rpartition("\n\n")[2][0]) - 96) / 27


def endless(text: str, draw: Draw) -> str:
    """Fifty steps of one letter."""
    if END_THINK in text.partition(THINK)[2]:
        return f"\\boxed{{1}}{END}"
    return "".join(f"{chr(97 + int(draw(place) * 26))}\n\n" for place in range(50)) + END_THINK


STEP = len("a\n\n")
ONE = (
    BeamSearch(n=1, width=1),
    DiverseTreeSearch(n=1, width=1),
    DiverseTreeSearch(n=1, width=1, pick="best"),
    ParticleFiltering(n=1),
    Rebase(width=1),
    Rebase(width=1, pick="best"),
)


@pytest.mark.parametrize("strategy", ONE, ids=str)
@pytest.mark.parametrize("rounds", [2, 100])
def test_a_search_of_one_is_the_baseline_in_steps(strategy: Strategy, rounds: int) -> None:
    cut = replace(strategy, rounds=rounds)  # type: ignore[type-var]
    for seed in range(4):
        baseline = plain(1, opened(paragraphs, seed))
        mine = last(cut, led(Says(letter), paragraphs, seed))
        assert told(mine) == told(baseline)
        assert mine.traces[0].tokens == baseline.traces[0].tokens


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("strategy", [DiverseTreeSearch(n=6, width=1), Rebase(width=6, rounds=1)], ids=str)
def test_trees_of_one_branch_and_of_one_step_are_a_plain_vote_where_scores_are_equal(
    strategy: Strategy, seed: int
) -> None:
    mine, vote = last(strategy, led(Says(same), paragraphs, seed)), plain(6, opened(paragraphs, seed))
    assert told(mine) == told(vote)


@pytest.mark.parametrize("seed", range(4))
def test_rebase_with_equal_scores_is_a_plain_vote_in_steps(seed: int) -> None:
    mine = last(Rebase(width=6), led(Says(same), paragraphs, seed))
    assert told(mine) == told(plain(6, opened(paragraphs, seed)))


def test_a_beam_of_eight_keeps_two_a_round_and_pays_for_eight_steps() -> None:
    scorer = Says(letter)
    answer = last(BeamSearch(n=8, width=4, rounds=3, budget=3 * STEP), led(scorer, endless))
    assert answer.cost.thinking + answer.cost.discarded == (8 + 8 + 8) * STEP
    asked = [text.strip().split("\n\n") for text in scorer.asked]  # equal texts are asked about once
    first = sorted(steps[0] for steps in asked if len(steps) == 1)
    begun = {steps[0] for steps in asked if len(steps) == 2}
    assert first[-1] in begun
    assert begun <= set(first[-2:])


@pytest.mark.parametrize("strategy", [BeamSearch(), DiverseTreeSearch(), ParticleFiltering(), Rebase()], ids=str)
def test_led_by_letters_the_thought_has_higher_letters(strategy: Strategy) -> None:
    def mean(answer: Answer) -> float:
        thought = answer.traces[0].text.partition(THINK)[2].partition(END_THINK)[0]
        steps = [step for step in thought.split("\n\n") if step]
        return sum(map(letter, steps)) / len(steps)

    cut = replace(strategy, rounds=6, budget=6 * STEP)  # type: ignore[type-var]
    seeds = range(4)
    guided = [mean(last(cut, led(Says(letter), endless, seed))) for seed in seeds]
    alone = [mean(last(Baseline((6 * STEP,)), opened(endless, seed))) for seed in seeds]
    assert sum(guided) > sum(alone) + 0.15 * len(seeds)


def numbered(text: str, draw: Draw) -> str:
    """Fifty steps, each of which tells what was drawn."""
    if END_THINK in text.partition(THINK)[2]:
        return f"\\boxed{{1}}{END}"
    return "".join(f"{int(draw(10 * place) * 10**8):08}\n\n" for place in range(50)) + END_THINK


@pytest.mark.parametrize(
    "strategy", [BeamSearch(), DiverseTreeSearch(), ParticleFiltering(), Rebase(width=16)], ids=str
)
def test_no_two_paths_of_a_search_draw_alike(strategy: Strategy) -> None:
    """Each path that grows has a step of its own, since all draw from different streams."""
    for seed in range(3):
        scorer = Says(lambda thinking: int(thinking[-4:-2]) / 100)
        last(replace(strategy, rounds=6, budget=60), led(scorer, numbered, seed))  # type: ignore[type-var]
        steps = [thinking.strip().rpartition("\n\n")[2] for thinking in scorer.asked]
        assert len(set(scorer.asked)) == len(set(steps)) == 6 * 16


def test_dvts_keeps_one_of_the_candidates_of_each_tree() -> None:
    scorer = Says(letter)
    last(DiverseTreeSearch(n=8, width=4, rounds=2), led(scorer, endless))
    begun = {text[0] for text in scorer.asked if len(text.strip()) > 1}
    assert 1 <= len(begun) <= 2


def test_finished_particles_stay_as_they_are() -> None:
    """Thoughts of one step or of many: the short ones end at once, and are not continued."""

    def script(text: str, draw: Draw) -> str:
        if END_THINK in text.partition(THINK)[2]:
            return f"\\boxed{{1}}{END}"
        return "s" + END_THINK if draw(0) < 0.5 else "".join(f"l{place}\n\n" for place in range(9)) + END_THINK

    scorer = Says(lambda thinking: 0.6 if thinking.startswith("s") else 0.4)
    answer = last(ParticleFiltering(n=8), led(scorer, script))
    assert not any(text.startswith("s") and len(text) > 1 for text in scorer.asked)
    assert answer.traces[0].text.partition(THINK)[2].startswith("s" + END_THINK)


def test_scores_that_are_no_probabilities_are_an_error_of_particle_filtering() -> None:
    with pytest.raises(ValueError, match="takes scores from 0 to 1"):
        last(ParticleFiltering(n=2), led(Says(lambda _: 7.0), endless))


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        ("beam-search:n=16,width=5", "width is 5; it takes a divisor of n, 16"),
        ("dvts:n=4,width=8", "width is 8; it takes a divisor of n, 4"),
        ("dvts:n=0", "n is 0; it takes a whole number from 1 upwards"),
        ("rebase:temperature=0", "temperature is 0.0; it takes a number above 0"),
        ("rebase:stop=", "stop is ''; it takes a text that ends a step"),
        ("particle-filtering:rounds=0", "rounds is 0; it takes a whole number from 1 upwards"),
    ],
)
def test_a_value_out_of_range_is_refused(spec: str, found: str) -> None:
    with pytest.raises(UserError) as error:
        registry.build(spec)
    assert found in str(error.value)


@pytest.mark.parametrize(
    "strategy",
    [BeamSearch(n=4, width=2), DiverseTreeSearch(n=4, width=2), ParticleFiltering(n=4), Rebase(width=4)],
    ids=str,
)
@pytest.mark.parametrize("budget", [3 * STEP, 3 * STEP + 1])
def test_a_budget_that_ends_at_a_step_or_within_one_ends_the_search(strategy: Strategy, budget: int) -> None:
    cut = replace(strategy, budget=budget)  # type: ignore[type-var]
    answer = last(cut, led(Says(letter), endless))
    assert answer.extracted == "1"
    assert all(trace.thinking_tokens == budget for trace in answer.traces)
    assert all(trace.truncated for trace in answer.traces)


def test_a_step_begins_when_all_that_it_was_chosen_from_is_there() -> None:
    def uneven(text: str, draw: Draw) -> str:
        """Four steps, each of one letter or of nine."""
        thought = text.partition(THINK)[2]
        if END_THINK in thought:
            return f"\\boxed{{1}}{END}"
        left = range(4 - thought.count("\n\n"))
        return "\n\n".join("a" if draw(place) < 0.5 else "b" * 9 for place in left) + END_THINK

    for seed in range(6):
        scorer = Says(lambda thinking: 1 / len(thinking))  # it keeps short steps, which wait for the long ones
        search = DiverseTreeSearch(n=4, width=4, rounds=4, pick="best")
        answer = last(search, led(scorer, uneven, seed))
        steps = [text.split("\n\n") for text in scorer.asked]
        rounds = [max(len(each[-1]) for each in steps if len(each) == number) for number in (1, 2, 3)]
        waited = sum(rounds) + 3 * len("\n\n")
        final = len(answer.traces[0].text.partition(END_THINK)[0].rpartition("\n\n")[2] + "|")
        assert answer.cost.sequential == waited + final + answer.cost.forced + answer.cost.answer
