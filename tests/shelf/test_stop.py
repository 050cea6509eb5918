"""Claims about stopping one trace: probes that never convince change nothing, and rules are the published ones."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import exp, log
from typing import Any

import pytest

from tests.scripts import World, rambler
from tests.shelf.opened import done, last, plain
from tests.shelf.test_pool import COLUMNS
from tts_bench import presets, registry
from tts_bench.api import Answer, Strategy
from tts_bench.conformance.stage import StageScorer
from tts_bench.core.ledger import Ledger
from tts_bench.core.reasoner import ModelReasoner
from tts_bench.engines.scripted import END, END_THINK, THINK, Draw
from tts_bench.solving.solve import Arm
from tts_bench.strategies.sampling import once
from tts_bench.strategies.stop.deer import Deer, confidence
from tts_bench.strategies.stop.dynasor import Dynasor, agreed
from tts_bench.strategies.stop.eat import Eat, moving_variance
from tts_bench.strategies.stop.thought_terminator import ThoughtTerminator
from tts_bench.tasks.boxed import box
from tts_bench.testing import CLAIMS, Claim, conform

SETTINGS = [
    Deer(),
    Deer(threshold=0.4, cues=("Wait", "so"), mean="geometric"),
    Dynasor(),
    Dynasor(chunk=5, agree=2, text="so \\boxed{7} "),
    Eat(),
    Eat(threshold=1.5, rule="level", paragraphs=1, stop="\n"),
    ThoughtTerminator(),
    ThoughtTerminator(300),
]


def opened(script: Any = rambler, seed: int = 0) -> ModelReasoner:  # noqa: ANN401
    world = World(script, seed=seed, columns=("entropy", "logprob"))
    return ModelReasoner(world.item().problem, world.scheduler, world.conditions, box, Ledger())


@pytest.mark.parametrize("claim", CLAIMS, ids=str)
@pytest.mark.parametrize("strategy", SETTINGS, ids=repr)
def test_every_claim_is_kept(strategy: Strategy, claim: Claim[Strategy]) -> None:
    conform(strategy, claim)


def doubter(text: str, draw: Draw) -> str:
    """Thinks in paragraphs that doubt."""
    if END_THINK in text.partition(THINK)[2]:
        return f"\\boxed{{{int(draw(0) * 4)}}}{END}"
    return "\n\n".join(f"Wait {chr(97 + int(draw(place) * 26))}" for place in range(6)) + END_THINK


NEVER: list[Deer | Dynasor | Eat] = [
    Deer(threshold=1.0),
    Dynasor(chunk=7, agree=10**6),
    Eat(threshold=0.0),
    Eat(0.0, "level", paragraphs=1),
]


@pytest.mark.parametrize("strategy", NEVER)
@pytest.mark.parametrize("seed", range(3))
def test_a_threshold_that_is_never_met_is_the_baseline_token_for_token(strategy: Strategy, seed: int) -> None:
    mine, baseline = last(strategy, opened(doubter, seed)), plain(1, opened(doubter, seed))
    assert (mine.text, mine.traces[0].tokens) == (baseline.text, baseline.traces[0].tokens)
    assert mine.cost.thinking == baseline.cost.thinking
    assert mine.cost.generated > baseline.cost.generated
    if not isinstance(strategy, Eat):
        assert mine.cost.generated - mine.cost.probe == baseline.cost.generated


@pytest.mark.parametrize("strategy", [replace(each, budget=9) for each in NEVER], ids=repr)
def test_at_its_budget_the_answer_is_forced_as_the_baseline_does(strategy: Strategy) -> None:
    door = opened(doubter)
    [mine], [cut] = last(strategy, door).traces, done(once(door.branch("0"), 9)).traces
    assert mine.truncated
    assert (mine.thinking_tokens, mine.tokens) == (9, cut.tokens)


def test_no_probe_is_paid_where_thinking_is_at_its_budget() -> None:
    """It could stop nothing. The doubter's first "Wait" ends with its fourth token."""
    for kind in (Dynasor(chunk=4, agree=99), Deer(threshold=1.0)):
        at, below = (last(replace(kind, budget=budget), opened(doubter)).cost.probe for budget in (4, 5))
        assert at == 0 < below


def test_no_look_is_paid_where_thinking_is_at_its_budget() -> None:
    """It could stop nothing. The doubter's first paragraph ends with its eighth token."""
    for budget, looks in ((8, 0), (9, 1)):
        door = opened(doubter)
        mine, cut = last(Eat(threshold=0.0, budget=budget), door), done(once(door.branch("0"), budget))
        assert mine.traces[0].truncated
        assert mine.cost.answer == cut.cost.answer + looks


def test_deer_stops_at_the_first_cue_where_anything_is_confident_and_pays_for_one_probe() -> None:
    answer = last(Deer(threshold=0.0), opened(doubter))
    assert answer.traces[0].text.count("Wait") == 0
    assert answer.cost.thinking + answer.cost.discarded == len("Wait")
    assert 0 < answer.cost.probe <= len(Deer().text) + 20


def test_deer_asks_no_more_than_ten_times_by_default() -> None:
    one, all_of_them = (last(Deer(threshold=1.0, probes=most), opened(doubter)) for most in (1, 10))
    assert 0 < one.cost.probe < all_of_them.cost.probe
    assert one.traces[0].tokens == all_of_them.traces[0].tokens


def test_confidence_is_a_mean_from_the_second_token_on_and_none_of_one_token() -> None:
    values = [log(0.01), log(0.9), log(0.4)]
    assert confidence(values, "arithmetic") == pytest.approx(0.65)
    assert confidence(values, "geometric") == pytest.approx(0.6)
    assert confidence(values, "least") == pytest.approx(0.4)
    assert confidence(values[:1], "arithmetic") == confidence([], "least") == 0.0
    assert exp(0) == confidence([0.0, 0.0], "arithmetic")


@dataclass(frozen=True)
class Said:
    text: str
    extracted: str | None


def test_probes_agree_where_all_say_the_same_and_none_doubts_in_a_whole_word() -> None:
    def agree(*said: tuple[str, str | None]) -> bool:
        probes: Any = [Said(*each) for each in said]
        return agreed(probes, 3)

    same = ("\\boxed{7}", "7")
    assert not agree(same, same)
    assert agree(same, same, same)
    assert agree(("6", "6"), same, same, same)
    assert not agree(same, ("6", "6"), same)
    assert not agree(*[("hm", None)] * 3)
    assert not agree(same, ("no, 7", "7"), same)
    assert agree(same, ("not known: 7", "7"), same)  # "no" stands in other words


def certain(text: str, draw: Draw) -> str:
    """Thinks without end, and says 7 to whoever asks."""
    return f"7}}{END}" if text.endswith("\\boxed{") else f"\\boxed{{7}}{END}" if END_THINK in text else "x" * 10_000


@pytest.mark.parametrize("agree", [1, 3])
def test_dynasor_stops_at_the_probe_that_makes_enough_equal_ones_and_bills_them_as_probes(agree: int) -> None:
    answer = last(Dynasor(chunk=8, agree=agree), opened(certain))
    assert answer.cost.thinking == 8 * agree
    texts = [segment.text for segment in answer.lineage if segment.kind == "probe" and segment.stream]
    assert [text.removesuffix(END) for text in texts] == ["7}"] * agree
    assert answer.cost.probe == sum(segment.spent for segment in answer.lineage if segment.kind == "probe")


@pytest.mark.parametrize("strategy", NEVER)
@pytest.mark.parametrize("seed", range(3))
def test_what_waits_for_its_side_checks_is_one_chain_and_dynasor_thinks_beside_them(
    strategy: Strategy, seed: int
) -> None:
    cost = last(strategy, opened(doubter, seed)).cost
    if isinstance(strategy, Dynasor):
        assert cost.sequential < cost.generated
    else:
        assert cost.sequential == cost.generated


@pytest.mark.parametrize("strategy", [Deer(threshold=0.0), Eat(1e9, "level", paragraphs=2), Eat(1e9, paragraphs=1)])
def test_a_check_that_ends_thinking_is_waited_for_before_the_answer(strategy: Strategy) -> None:
    answer = last(strategy, opened(doubter))
    assert answer.cost.sequential == answer.cost.generated
    assert not answer.traces[0].truncated


@pytest.mark.parametrize("agree", [1, 3])
def test_dynasor_answers_after_the_trial_answer_that_ends_thinking(agree: int) -> None:
    cost = last(Dynasor(chunk=8, agree=agree), opened(certain)).cost
    assert cost.sequential == cost.thinking + cost.probe // agree + cost.forced + cost.answer


def test_thinking_that_trial_answers_end_is_not_truncated_and_that_its_budget_ends_is() -> None:
    ended = {budget: last(Dynasor(8, 3, budget=budget), opened(certain)).traces[0] for budget in (None, 25, 24, 20)}
    assert {budget: trace.truncated for budget, trace in ended.items()} == {None: False, 25: False, 24: True, 20: True}
    assert [trace.thinking_tokens for trace in ended.values()] == [24, 24, 24, 20]


@pytest.mark.parametrize("strategy", [Deer(threshold=1.0, budget=4), Deer(threshold=0.0, budget=4)], ids=repr)
def test_a_cue_that_ends_at_the_budget_is_thinking_at_its_budget(strategy: Strategy) -> None:
    """The doubter's first "Wait" ends with its fourth token."""
    [trace] = last(strategy, opened(doubter)).traces
    assert trace.truncated
    assert trace.thinking_tokens == 4


STOPS = [
    name for name in presets.groups()[presets.SHELF] if "stops" in getattr(registry.build(name).strategy, "needs", ())
]


@pytest.mark.parametrize("stop", ["\n\n", "Wait", "Alternatively"])
@pytest.mark.parametrize("name", STOPS)
def test_a_stop_text_that_ends_where_the_run_allows_no_more_ends_every_strategy(name: str, stop: str) -> None:
    def script(text: str, draw: Draw) -> str:
        """Never ends its thinking; the stop text ends with its twentieth token."""
        return f"\\boxed{{1}}{END}" if END_THINK in text.partition(THINK)[2] else stop.rjust(20, "x") + "x" * 900

    world = World(script, None, {"any": StageScorer()}, columns=COLUMNS, max_thinking=20)
    [built] = registry.build_all([name])
    [record] = world.run_arms([Arm(built.id, built.strategy)], timeout=5)
    assert record.error is None
    assert [answer.truncated for answer in record.answers] == [True]


def test_the_moving_variance_of_a_constant_is_nothing_and_a_step_is_forgotten() -> None:
    assert moving_variance([2.0] * 9, 0.2) == 0.0
    assert moving_variance([0.0, 1.0], 0.2) == pytest.approx(0.2 * 0.8**2)
    assert moving_variance([0.0, 1.0] + [1.0] * 60, 0.2) < 1e-4


def test_halt_cot_stops_at_the_first_paragraph_below_any_level() -> None:
    answer = last(Eat(threshold=1e9, rule="level", paragraphs=1), opened(doubter))
    assert answer.traces[0].segments[1].text.count("Wait") == 1


def endless(text: str, draw: Draw) -> str:
    if END_THINK in text.partition(THINK)[2]:
        return f"\\boxed{{1}}{END}"
    return "x" * 5000 + END_THINK


def forced(answer: Answer) -> list[str]:
    return [segment.text for segment in answer.traces[0].segments if segment.kind == "cue"]


@pytest.mark.parametrize(("deadline", "every"), [(1000, 250), (300, 150), (2000, 250)])
def test_notes_come_every_250_tokens_or_twice_and_the_deadline_holds(deadline: int, every: int) -> None:
    assert ThoughtTerminator(deadline).every == every
    answer = last(ThoughtTerminator(deadline), opened(endless))
    notes = forced(answer)
    assert [f"used {every * at} tokens" in note for at, note in enumerate(notes[:-1], 1)] == [True] * (len(notes) - 1)
    assert "no tokens left" in notes[-1]
    assert answer.traces[0].thinking_tokens <= deadline
    assert len(notes) == deadline // every
    assert answer.traces[0].truncated


def test_an_answer_in_the_thinking_ends_it_at_the_next_note_without_one() -> None:
    def early(text: str, draw: Draw) -> str:
        return endless(text, draw).replace("xxxxxxxxx", "\\boxed{4}", 1)

    answer = last(ThoughtTerminator(1000), opened(early))
    assert answer.cost.thinking == 250
    assert forced(answer) == []
    assert not answer.traces[0].truncated
