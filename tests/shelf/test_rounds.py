"""Claim: strategies of several rounds keep the contract, carry answers without thinking, and pay for what was shown."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import pytest

from tests.scripts import World, number, rambler
from tests.shelf.opened import answers, last, opened, plain, told
from tts_bench import registry
from tts_bench.api import Strategy, Turn
from tts_bench.core.ledger import Ledger
from tts_bench.core.reasoner import ModelReasoner
from tts_bench.engines.scripted import END, END_THINK, THINK, Draw
from tts_bench.errors import UserError
from tts_bench.solving.solve import Arm
from tts_bench.strategies.rounds import prompts
from tts_bench.strategies.rounds.parallel_distill_refine import ParallelDistillRefine
from tts_bench.strategies.rounds.self_aggregation import SelfAggregation
from tts_bench.strategies.rounds.self_refine import SelfRefine
from tts_bench.strategies.rounds.sequential_refinement import SequentialRefinement
from tts_bench.strategies.rounds.think_twice import ThinkTwice
from tts_bench.testing import CLAIMS, Claim, NotApplicable, conform

KEPT = (
    ThinkTwice(),
    ThinkTwice(3, quote="extracted"),
    SelfRefine(),
    SelfRefine(until="agreement"),
    SelfAggregation(population=4, k=2, loops=3),
    ParallelDistillRefine((4, 2)),
    ParallelDistillRefine((4, 2), k=2),
    SequentialRefinement(),
)


@pytest.mark.parametrize("claim", CLAIMS, ids=str)
@pytest.mark.parametrize("strategy", KEPT, ids=str)
def test_it_keeps_every_claim_that_speaks_of_it(strategy: Strategy, claim: Claim[Strategy]) -> None:
    if isinstance(strategy, ParallelDistillRefine) and claim.name == "common-random-numbers":
        with pytest.raises(NotApplicable):  # its only answer comes from another prompt than the baseline's
            conform(strategy, claim)
    else:
        conform(strategy, claim)


@pytest.mark.parametrize("seed", range(4))
def test_one_round_is_the_baseline_and_one_loop_a_plain_vote(seed: int) -> None:
    for strategy in (ThinkTwice(1), SequentialRefinement(1), ParallelDistillRefine(())):
        assert told(last(strategy, opened(seed=seed))) == told(plain(1, opened(seed=seed)))
    assert told(answers(SelfRefine(), opened(seed=seed))[0]) == told(plain(1, opened(seed=seed)))
    assert told(last(SelfAggregation(6, 2, 1), opened(seed=seed))) == told(plain(6, opened(seed=seed)))


@pytest.mark.parametrize("seed", range(4))
def test_one_draft_a_round_is_sequential_refinement_token_for_token(seed: int) -> None:
    parallel = last(ParallelDistillRefine((1, 1, 1), k=1), opened(seed=seed))
    sequential = last(SequentialRefinement(4), opened(seed=seed))
    assert told(parallel) == told(sequential)
    assert parallel.traces[0].tokens == sequential.traces[0].tokens
    assert parallel.cost == sequential.cost


def test_a_population_of_one_mended_alone_is_sequential_refinement() -> None:
    assert told(last(SelfAggregation(1, 1, 3), opened())) == told(last(SequentialRefinement(3), opened()))


def test_self_aggregation_makes_n_times_t_answers_and_pays_for_what_was_shown() -> None:
    world = World(rambler)
    [record] = world.run_arms([Arm("rsa", SelfAggregation(population=4, k=2, loops=3))])
    assert record.error is None
    assert sum(segment.kind == "answer" for segment in record.segments) == 12
    billed = [record.segments[place] for place in record.answers[-1].segments]
    assert 4 < sum(segment.kind == "answer" for segment in billed) <= 12
    assert record.answers[-1].cost.context > 0


def test_every_round_pays_for_the_rounds_before_it() -> None:
    for strategy in (ThinkTwice(), SequentialRefinement(), SelfRefine(until="never")):
        costs = [answer.cost for answer in answers(strategy, opened())]
        assert all(low.generated < high.generated for low, high in pairwise(costs))
        assert costs[-1].sequential > costs[0].sequential


def test_drafts_and_their_summaries_are_all_in_the_bill() -> None:
    answer = last(ParallelDistillRefine((4, 2)), opened())
    assert sum(segment.kind == "answer" for segment in answer.lineage) == 4 + 1 + 2 + 1 + 1


def test_of_drafts_drawn_at_random_those_are_paid_that_are_read() -> None:
    answer = last(ParallelDistillRefine((5,), k=2), opened())
    assert sum(segment.kind == "answer" for segment in answer.lineage) == 2 + 1


def judge(text: str, draw: Draw) -> str:
    """Thinks a secret, gives an answer, and calls it right when it is asked to check it."""
    if END_THINK not in text.rpartition(THINK)[2]:
        return f"secret{END_THINK}"
    return f"All is well.\nCORRECT{END}" if prompts.CHECK in text else f"\\boxed{{7}}{END}"


def test_a_check_that_passes_stops_and_is_paid() -> None:
    first, checked = answers(SelfRefine(), opened(judge))
    assert first.text == checked.text
    assert checked.cost.generated > first.cost.generated
    assert len(answers(SelfRefine(until="never"), opened(judge))) == 5


@pytest.mark.parametrize("strategy", KEPT, ids=str)
def test_thinking_is_never_carried_over(strategy: Strategy) -> None:
    world = World(judge)
    [record] = world.run_arms([Arm("one", strategy)])
    assert record.error is None
    read = [world.engine.tokenizer.decode(list(call.prompt)) for call in world.engine.calls]
    assert any("\\boxed{7}" in text or "was: 7" in text for text in read)
    assert all(text.count("secret") <= 1 for text in read)


@pytest.mark.parametrize("strategy", [SelfRefine(), ThinkTwice()], ids=str)
def test_every_round_has_the_runs_system_prompt(strategy: Strategy) -> None:
    world = World(judge, system="Be brief.")
    [record] = world.run_arms([Arm("one", strategy)])
    assert record.error is None
    read = [world.engine.tokenizer.decode(list(call.prompt)) for call in world.engine.calls]
    assert len(set(read)) > 1
    assert all(text.startswith("Be brief.") for text in read)


def test_a_conversation_with_a_system_turn_keeps_its_own() -> None:
    world = World(judge, system="Be brief.")
    door = ModelReasoner(world.item().problem, world.scheduler, world.conditions, number, Ledger())
    asked, own = [Turn("user", "Sure?")], [Turn("system", "Be long."), Turn("user", "Sure?")]
    begun = [each.begun().trace.text for each in (door.ask(asked), door.ask(own), door.ask(asked, system="Be long."))]
    assert begun[0] == door.ask("Sure?").begun().trace.text
    assert begun[1] == begun[2]
    assert begun[1].startswith("Be long.")


@dataclass(frozen=True)
class Said:
    text: str
    extracted: str | None = None


def test_a_check_passes_by_its_last_line_alone() -> None:
    def passed(text: str) -> bool:
        said: Any = Said(text)
        return prompts.approves(said)

    assert passed("fine\nCORRECT")
    assert passed("fine\n**CORRECT.**\n")
    assert not passed("CORRECT is what I would say\nWRONG")
    assert not passed("INCORRECT")
    assert not passed("")


def test_no_answer_agrees_with_nothing() -> None:
    none: Any = Said("")
    seven: Any = Said("", "7")
    assert prompts.agrees(seven, seven)
    assert not prompts.agrees(none, none)


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        ("think-twice:rounds=0", "rounds is 0; it takes a whole number from 1 upwards"),
        ("self-aggregation:population=2,k=3", "k is 3; it takes at most the population, 2"),
        ("parallel-distill-refine:drafts=4+2,k=3", "k is 3; it takes at most the least number of drafts, 2"),
        ("parallel-distill-refine:drafts=4+0", "drafts is 0; it takes a whole number from 1 upwards"),
        ("self-refine:budget=0", "budget is 0; it takes a whole number from 1 upwards"),
    ],
)
def test_a_value_out_of_range_is_refused(spec: str, found: str) -> None:
    with pytest.raises(UserError) as error:
        registry.build(spec)
    assert found in str(error.value)


def test_a_prompt_that_does_not_fit_is_an_error_of_the_problem_and_the_rungs_before_it_stay() -> None:
    def long(text: str, draw: Draw) -> str:
        return f"{'x' * 900}{END}" if END_THINK in text.rpartition(THINK)[2] else f"hm{END_THINK}"

    short = World(long)
    short.engine.info = replace(short.engine.info, context=2048)
    [rsa, pdr] = short.run_arms(
        [Arm("rsa", SelfAggregation(population=4, k=4, loops=2)), Arm("pdr", ParallelDistillRefine((4,)))]
    )
    assert rsa.error is not None
    assert pdr.error is not None
    assert len(rsa.answers) == 1
