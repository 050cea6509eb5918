"""Claim: strategies that think less keep the contract, say their limits to the model, and bill what they put in."""

from __future__ import annotations

import pytest

from tests.scripts import World
from tests.shelf.opened import answers, last, opened, paragraphs
from tts_bench import registry
from tts_bench.api import Strategy
from tts_bench.engines.scripted import END, END_THINK, THINK, Draw
from tts_bench.errors import UserError
from tts_bench.solving.solve import Arm
from tts_bench.strategies.think_less.chain_of_draft import ChainOfDraft
from tts_bench.strategies.think_less.class_conditional import ClassConditional
from tts_bench.strategies.think_less.concise import Concise
from tts_bench.strategies.think_less.no_thinking import NoThinking
from tts_bench.strategies.think_less.step_conditional import StepConditional
from tts_bench.strategies.think_less.token_budget import ESTIMATE, TokenBudget, estimated
from tts_bench.strategies.think_less.token_conditional import TokenConditional
from tts_bench.testing import CLAIMS, Claim, NotApplicable, conform

KEPT = (
    NoThinking(samples=3),
    ChainOfDraft(),
    Concise(samples=2),
    TokenBudget(),
    TokenBudget(tokens=64, samples=2),
    TokenConditional(),
    StepConditional(),
    ClassConditional("long"),
)
SAID = [
    (ChainOfDraft(7), "at most 7 words"),
    (Concise(30), "within 30 words"),
    (TokenBudget(64), "at most 64 tokens"),
    (TokenConditional(512), "up to 512 tokens"),
    (StepConditional(4), "at most 4 steps"),
    (ClassConditional("short"), "briefly"),
    (ClassConditional("long"), "a long time"),
]


@pytest.mark.parametrize("claim", CLAIMS, ids=str)
@pytest.mark.parametrize("strategy", KEPT, ids=str)
def test_it_keeps_every_claim_that_speaks_of_it(strategy: Strategy, claim: Claim[Strategy]) -> None:
    if claim.name == "common-random-numbers":  # they begin with another text than the baseline
        with pytest.raises(NotApplicable):
            conform(strategy, claim)
    else:
        conform(strategy, claim)


def read_by(strategy: Strategy, world: World) -> list[str]:
    """All that the model read."""
    [record] = world.run_arms([Arm("one", strategy)])
    assert record.error is None, record.error
    calls = world.engine.calls
    return [world.engine.tokenizer.decode(list(call.prompt + call.prefix)) for call in calls]


@pytest.mark.parametrize(("strategy", "said"), SAID, ids=str)
def test_the_model_reads_the_problem_and_then_its_limit(strategy: Strategy, said: str) -> None:
    world = World(paragraphs)
    for text in read_by(strategy, world):
        before, found, _ = text.partition(said)
        assert found
        assert world.item().problem.prompt in before


@pytest.mark.parametrize(("strategy", "said"), SAID, ids=str)
def test_what_the_prompt_has_beyond_the_task_is_billed_as_context(strategy: Strategy, said: str) -> None:
    assert last(strategy, opened(paragraphs)).cost.context >= len(said)


def test_without_thinking_the_text_is_forced_and_nothing_else_is_thought() -> None:
    [first, *_, final] = answers(NoThinking(samples=5), opened(paragraphs))
    assert first.cost.thinking == 0
    assert first.cost.forced >= len(NoThinking.text)
    assert NoThinking.text in first.traces[0].text
    assert final.cost.answer == sum(trace.segments[-1].spent for trace in final.traces)
    assert len(final.traces) == 5


def reasons_in_the_answer(text: str, draw: Draw) -> str:
    return "x" * 200 + f"\\boxed{{1}}{END}" if END_THINK in text.partition(THINK)[2] else END_THINK


def test_answers_have_the_room_they_are_given() -> None:
    for kind in (NoThinking, ChainOfDraft, Concise):
        assert last(kind(samples=1, max_answer=50), opened(reasons_in_the_answer)).cost.answer == 50
        assert last(kind(samples=1, max_answer=500), opened(reasons_in_the_answer)).cost.answer > 200


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("50", 50),
        ("about 1,200 tokens", 1200),
        ("3 steps, so 64.", 64),
        ("150.0", 150),
        ("2000.5 tokens", 2001),
        ("1.5k", 1500),
        ("16.1k", 16100),
        ("1.1e2", 110),
        ("1e3", 1000),
        ("12345678901", None),
        ("9e99", None),
        ("none", None),
        ("0", None),
        ("", None),
    ],
)
def test_an_estimate_is_the_last_number(text: str, number: int | None) -> None:
    assert estimated(text) == number


def test_a_number_that_never_ends_is_no_estimate() -> None:
    assert estimated("1" + 2000 * ",000") is None  # int() would refuse it


def estimating(text: str, draw: Draw) -> str:
    if END_THINK not in text.rpartition(THINK)[2]:
        return f"hm{END_THINK}"
    return f"It takes 37{END}" if ESTIMATE in text else f"\\boxed{{1}}{END}"


def test_the_estimate_is_told_and_paid_once_for_all_samples() -> None:
    world = World(estimating)
    read = read_by(TokenBudget(samples=3), world)
    assert any("less than 37 tokens" in text for text in read)
    one, three = (last(TokenBudget(samples=count), opened(estimating)) for count in (1, 3))
    assert sum(segment.kind == "answer" for segment in one.lineage) == 2
    assert sum(segment.kind == "answer" for segment in three.lineage) == 4


def test_an_estimate_without_a_number_leaves_the_question_as_it_is_and_is_paid() -> None:
    def silent(text: str, draw: Draw) -> str:
        return END if END_THINK in text.rpartition(THINK)[2] else f"hm{END_THINK}"

    assert not any("less than" in text for text in read_by(TokenBudget(), World(silent)))
    assert last(TokenBudget(), opened(silent)).cost.thinking == 2 * len("hm") + 2


def test_steps_are_counted_down_to_none_and_then_the_model_goes_on_freely() -> None:
    def counting(text: str, draw: Draw) -> str:
        thought = text.partition(THINK)[2]
        if END_THINK in thought:
            return f"\\boxed{{1}}{END}"
        return END_THINK if thought.count("step\n\n") >= 4 else "step\n\n"

    thought = last(StepConditional(2), opened(counting)).traces[0].text.partition(THINK)[2].partition(END_THINK)[0]
    assert thought.startswith("step\n\n1 steps left.\n\nstep\n\n0 steps left.\n\nstep\n\n")
    assert thought.count("left") == 2


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        ("no-thinking:text=", "text is ''; it takes a text that is not blank"),
        ("no-thinking:max_answer=0", "max_answer is 0; it takes a whole number from 1 upwards"),
        ("chain-of-draft:words=0", "words is 0; it takes a whole number from 1 upwards"),
        ("concise:samples=0", "samples is 0; it takes a whole number from 1 upwards"),
        ("token-budget:tokens=0", "tokens is 0; it takes a whole number from 1 upwards"),
        ("step-conditional:stop=", "stop is ''; it takes a text that ends a step"),
        ("class-conditional:length=middle", "length"),
    ],
)
def test_a_value_out_of_range_is_refused(spec: str, found: str) -> None:
    with pytest.raises(UserError) as error:
        registry.build(spec)
    assert found in str(error.value)
