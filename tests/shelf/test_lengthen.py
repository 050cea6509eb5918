"""Claims about lengthening one trace: cues, their chance, and biases; extreme settings are something simpler."""

from __future__ import annotations

from math import inf
from typing import Any

import pytest

from tests.scripts import World, number, rambler
from tests.shelf.opened import answers, last, opened, paragraphs, plain, told
from tts_bench.api import Answer, Sampling, Strategy, Trace
from tts_bench.core.ledger import Ledger
from tts_bench.core.reasoner import ModelReasoner
from tts_bench.engines.scripted import END, END_THINK, THINK, Draw
from tts_bench.solving.solve import Arm
from tts_bench.strategies.budget_forcing import BudgetForcing
from tts_bench.strategies.lengthen.alpha_one import AlphaOne
from tts_bench.strategies.lengthen.mixed_cues import MixedCues
from tts_bench.strategies.lengthen.no_wait import NoWait
from tts_bench.strategies.lengthen.thought_switch_penalty import ThoughtSwitchPenalty
from tts_bench.strategies.lengthen.warm_cue import WarmCue
from tts_bench.testing import CLAIMS, Claim, NotApplicable, conform

SETTINGS = [
    MixedCues(),
    WarmCue(),
    AlphaOne(),
    AlphaOne(length=20),
    NoWait(),
    ThoughtSwitchPenalty(),
    ThoughtSwitchPenalty(beta=7, words=("so", "Alternatively")),
]


@pytest.mark.parametrize("claim", CLAIMS, ids=str)
@pytest.mark.parametrize("strategy", SETTINGS, ids=repr)
def test_every_claim_is_kept(strategy: Strategy, claim: Claim[Strategy]) -> None:
    if claim.name == "common-random-numbers" and isinstance(strategy, NoWait | ThoughtSwitchPenalty):
        with pytest.raises(NotApplicable, match="its own sampling settings"):
            conform(strategy, claim)
    else:
        conform(strategy, claim)


def cues(answer: Answer) -> list[str]:
    return [segment.text for segment in answer.traces[0].segments if segment.kind == "cue"]


def set_to(thinking: Sampling, continuation: Sampling, script: Any = rambler) -> tuple[World, ModelReasoner]:  # noqa: ANN401
    world = World(script, thinking=thinking, continuation=continuation)
    return world, ModelReasoner(world.item().problem, world.scheduler, world.conditions, number, Ledger())


def test_no_cue_is_the_baseline_token_for_token() -> None:
    for strategy in (BudgetForcing(extensions=0), MixedCues(extensions=0), WarmCue(extensions=0)):
        assert told(last(strategy, opened())) == told(plain(1, opened()))


def test_a_mixture_of_one_cue_is_budget_forcing() -> None:
    mixed, forced = (answers(each, opened()) for each in (MixedCues(("Wait",)), BudgetForcing()))
    assert list(map(told, mixed)) == list(map(told, forced))


def test_cues_are_drawn_for_each_round_and_more_rounds_begin_with_fewer() -> None:
    drawn = [cues(last(MixedCues(extensions=8), opened(seed=seed))) for seed in range(4)]
    assert {cue for some in drawn for cue in some} == {"Wait", "Hmm", "Alternatively"}
    assert len({tuple(some) for some in drawn}) > 1
    assert cues(last(MixedCues(extensions=3), opened())) == drawn[0][:3]


def test_the_runs_own_temperature_after_the_cue_is_budget_forcing() -> None:
    warm, forced = (answers(each, opened()) for each in (WarmCue(temperature=1.0), BudgetForcing()))
    assert list(map(told, warm)) == list(map(told, forced))


def test_a_warm_cue_changes_the_temperature_after_it_and_keeps_the_rest() -> None:
    world, door = set_to(Sampling(0.6, top_p=0.9), Sampling(0.7, top_k=5))
    found = answers(WarmCue(extensions=1), door)
    asked = {call.sampling for call in world.engine.calls}
    assert {Sampling(0.6, top_p=0.9), Sampling(1.2, top_k=5)} <= asked
    assert Sampling(0.7, top_k=5) not in asked
    assert told(found[0]) == told(last(BudgetForcing(extensions=0), set_to(Sampling(0.6, top_p=0.9), Sampling())[1]))


def test_slow_thinking_that_never_waits_is_the_baseline_in_steps() -> None:
    baseline = plain(1, opened(paragraphs))
    assert told(last(AlphaOne(length=10**6, start=0.0), opened(paragraphs))) == told(baseline)


def waiter(text: str, draw: Draw) -> str:
    """Thinks in paragraphs, of which each begins with a doubt."""
    if END_THINK in text.partition(THINK)[2]:
        return f"\\boxed{{{int(draw(0) * 4)}}}{END}"
    return "\n\n".join(f"hm {place} Wait" for place in range(9)) + END_THINK


def test_an_alpha_of_nothing_ends_thinking_at_the_first_cue() -> None:
    answer = last(AlphaOne(alpha=0.0), opened(waiter))
    assert cues(answer) == []
    assert answer.traces[0].segments[1].text == "hm 0 "


def test_a_certain_chance_puts_a_cue_after_paragraphs_and_none_after_the_moment() -> None:
    found = [last(AlphaOne(alpha=1.0, length=60, start=1.0), opened(paragraphs, seed)) for seed in range(20)]
    assert any(map(cues, found))
    for answer in found:
        starts = [segment.start for segment in answer.traces[0].segments if segment.kind == "cue"]
        assert all(start - answer.cost.prompt < 60 for start in starts)


@pytest.mark.parametrize("start", [0.0, 0.4, 1.0])
def test_a_paragraph_that_ends_where_the_run_allows_no_more_is_the_last_and_draws_once(start: float) -> None:
    def script(text: str, draw: Draw) -> str:
        return f"\\boxed{{1}}{END}" if END_THINK in text.partition(THINK)[2] else "x" * 18 + "\n\n" + "x" * 900

    for seed in range(5):
        world = World(script, seed=seed, max_thinking=20)
        [record] = world.run_arms([Arm("alpha-one", AlphaOne(start=start))], timeout=5)
        assert record.error is None
        door = ModelReasoner(world.item().problem, world.scheduler, world.conditions, number, Ledger())
        wanted = door.random("wait").random() < start * (1 - 20 / 3430)
        [answer] = record.answers
        assert (answer.truncated, answer.cues_wanted, answer.cues) == (True, wanted, 0)


@pytest.mark.parametrize(
    ("alpha", "length", "moment"), [(1.1, 100, 110), (1.1, 3000, 3300), (1.4, 2450, 3430), (1.5, 3, 5)]
)
def test_the_moment_is_alpha_times_length_as_written_rounded_up(alpha: float, length: int, moment: int) -> None:
    _, door = set_to(Sampling(), Sampling(), lambda text, draw: "x" * 9000)
    asked: list[int | None] = []
    think = door.think

    async def noted(*args: Any, max_tokens: int | None = None, **options: Any) -> Trace:
        asked.append(max_tokens)
        return await think(*args, max_tokens=max_tokens, **options)

    door.think = noted  # type: ignore[method-assign]
    last(AlphaOne(alpha=alpha, length=length), door)
    assert asked == [moment, None]


def test_a_banned_word_is_never_said_and_the_runs_settings_stay() -> None:
    world, door = set_to(Sampling(0.6), Sampling(), waiter)
    answer = last(NoWait(("W",)), door)
    assert "W" not in answer.traces[0].segments[1].text.replace("w", "")
    thinking = [call.sampling for call in world.engine.calls if call.sampling.bias]
    assert thinking == [Sampling(0.6, bias=((ord("W"), -inf), (ord("w"), -inf)))]


def test_no_penalty_is_the_baseline_token_for_token() -> None:
    for beta in (1, 5, 600):
        penalised = last(ThoughtSwitchPenalty(alpha=0.0, beta=beta, words=("Wait",)), opened(waiter))
        assert told(penalised) == told(plain(1, opened(waiter)))


def written(text: str, draw: Draw) -> str:
    """Always thinks the same, wherever it goes on."""
    thought = text.partition(THINK)[2]
    if END_THINK in thought:
        return f"\\boxed{{1}}{END}"
    return ("aaaaaaaaaaaa0bbbbbbbbb5cc" + END_THINK)[len(thought) :]


def test_the_penalty_ends_beta_tokens_after_a_thought_has_begun_and_comes_back_with_the_next() -> None:
    _, door = set_to(Sampling(0.6), Sampling(), written)
    answer = last(ThoughtSwitchPenalty(alpha=1e-12, beta=4, words=("0", "5")), door)
    thinking = [segment for segment in answer.traces[0].segments if segment.kind == "thinking"]
    assert [(segment.text, "bias" in segment.stream) for segment in thinking] == [
        ("aaaa", True),
        ("aaaaaaaa0", False),
        ("bbbb", True),
        ("bbbbb5", False),
        ("cc", True),
    ]
    assert all("temperature=0.6" in segment.stream for segment in thinking if "bias" in segment.stream)


@pytest.mark.parametrize(
    ("build", "found"),
    [
        (lambda: MixedCues(()), "cues is"),
        (lambda: WarmCue(temperature=-1), "temperature is -1"),
        (lambda: AlphaOne(start=2), "start is 2"),
        (lambda: AlphaOne(alpha=-1), "alpha is -1"),
        (lambda: AlphaOne(alpha=1e308), r"alpha is 1e\+308"),
        (lambda: NoWait((" ",)), "words is"),
        (lambda: ThoughtSwitchPenalty(beta=0), "beta is 0"),
    ],
)
def test_values_out_of_range_are_refused(build: Any, found: str) -> None:  # noqa: ANN401
    with pytest.raises(ValueError, match=found):
        build()
