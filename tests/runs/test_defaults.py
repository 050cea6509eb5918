"""Claims about what a run does where little is said."""

from __future__ import annotations

import pytest

from tts_bench.analysis.curve import wilson
from tts_bench.errors import UserError
from tts_bench.runs.defaults import COMPARISON, LEARNED, LIMIT, plan


def test_nothing_said_is_the_default_comparison_on_the_pocket_model() -> None:
    planned = plan("hf", None, (), (), None)
    assert (planned.model, planned.tasks, planned.limit) == ("pocket", ("pocket_arithmetic",), LIMIT)
    assert planned.strategies == (*COMPARISON, LEARNED)


def test_as_many_problems_as_give_intervals_of_at_most_4_points_and_no_more() -> None:
    def half(n: int) -> float:
        low, high = wilson(0.5, n)
        return (high - low) / 2

    assert half(LIMIT) <= 0.04 < half(LIMIT - 10)


@pytest.mark.parametrize("strategy", ["learned-token", "./mine.py:Mine:n=2"])
def test_a_strategy_named_alone_joins_the_default_comparison(strategy: str) -> None:
    assert plan("hf", None, (), (strategy,), None).strategies == (*COMPARISON, strategy)
    assert plan("hf", "pocket", (), (strategy,), 5).limit == 5


def test_a_strategy_of_the_comparison_takes_its_own_place() -> None:
    planned = plan("hf", None, (), ("budget-forcing:extensions=2,cue=Hmm",), None)
    assert planned.strategies == (COMPARISON[0], COMPARISON[2], "budget-forcing:extensions=2,cue=Hmm")


@pytest.mark.parametrize(
    ("said", "gone"),
    [
        (("shelf", "-majority-vote"), "majority-vote"),
        (("lengthen", "-budget-forcing"), "budget-forcing"),
        (("controls", "-baseline"), "baseline"),
    ],
)
def test_what_is_left_out_of_a_group_does_not_join_with_the_comparison(said: tuple[str, ...], gone: str) -> None:
    names = [spec.partition(":")[0] for spec in plan("hf", None, (), said, None, tell=lambda _: None).strategies]
    assert gone not in names
    others = {arm.partition(":")[0] for arm in COMPARISON} - {gone}
    assert others <= set(names)


def test_the_controls_named_as_a_group_join_the_comparison_and_bring_no_token() -> None:
    assert plan("hf", None, (), ("controls",), None).strategies == COMPARISON


@pytest.mark.parametrize(("engine", "model", "tasks"), [("hf", None, ("pocket_flat",)), ("scripted", None, ())])
def test_where_all_that_was_named_is_left_out_the_usual_strategies_do_not_stand_in(
    engine: str, model: str | None, tasks: tuple[str, ...]
) -> None:
    said = ("controls", "-baseline", "-majority-vote")
    with pytest.raises(UserError, match=r"controls,-baseline,-majority-vote leaves every strategy out\. Leave one in"):
        plan(engine, model, tasks, said, None)
    assert plan("hf", None, (), said, None).strategies == (COMPARISON[1],)


def test_where_a_task_is_named_nothing_joins_and_nothing_is_cut() -> None:
    planned = plan("hf", "pocket", ("pocket_flat",), ("learned-token",), None)
    assert (planned.strategies, planned.limit) == (("learned-token",), None)


@pytest.mark.parametrize(("engine", "model"), [("hf", "smollm2"), ("hf", "folder"), ("scripted", None)])
def test_other_models_are_measured_on_gsm8k(engine: str, model: str | None) -> None:
    planned = plan(engine, model, (), (), None)
    assert (planned.model, planned.tasks, planned.limit) == (model, ("gsm8k",), None)
    assert planned.strategies == ("baseline", "budget-forcing", "majority-vote")


def test_a_task_that_the_pocket_model_cannot_read_needs_a_model() -> None:
    with pytest.raises(UserError, match=r"--tasks gsm8k needs a model: .*Type --model smollm2"):
        plan("hf", None, ("pocket_arithmetic", "gsm8k"), (), None)
    assert plan("hf", "pocket", ("gsm8k",), (), None).tasks == ("gsm8k",)


GROUPED = ("vote", "scoring")


@pytest.fixture
def scoring(monkeypatch: pytest.MonkeyPatch) -> None:
    """A group of two strategies, one of which scores."""
    group = {
        "controls": ("baseline", "majority-vote"),
        "mixed": GROUPED,
        "shelf": ("baseline", "majority-vote", *GROUPED),
    }
    monkeypatch.setattr("tts_bench.presets.groups", lambda: group)
    monkeypatch.setattr("tts_bench.runs.defaults._scores", lambda spec: spec.startswith("scoring"))


@pytest.mark.usefixtures("scoring")
def test_of_a_group_what_scores_is_left_out_without_a_scorer_and_that_is_said() -> None:
    said: list[str] = []
    planned = plan("hf", "smollm2", (), ("mixed",), None, tell=said.append)
    assert planned.strategies == ("baseline", "majority-vote", "vote")
    assert said == ["Left out, since the run has no scorer (--scorer NAME=KIND): scoring."]
    assert plan("hf", "smollm2", (), ("mixed",), None, ("judge",)).strategies[-1] == "scoring"


@pytest.mark.usefixtures("scoring")
def test_what_is_named_is_never_left_out() -> None:
    assert plan("hf", "smollm2", (), ("scoring:n=2",), None).strategies == ("scoring:n=2",)


@pytest.mark.usefixtures("scoring")
def test_pocket_tasks_have_a_scorer_of_their_own() -> None:
    planned = plan("hf", None, (), ("mixed",), None)
    assert (planned.strategies, planned.scorers) == ((*COMPARISON, *GROUPED), ("pocket:says=steps",))
    assert plan("hf", "pocket", ("pocket_flat",), ("mixed",), None).scorers == ("pocket:says=steps",)
    assert plan("hf", None, (), ("mixed",), None, ("mine=function:call=./x.py:y",)).scorers != planned.scorers
    assert plan("hf", None, (), ("esc",), None).scorers == ()


def test_the_pocket_models_searches_go_line_by_line_where_their_group_is_asked_for_and_none_is_named() -> None:
    said: list[str] = []
    searches = plan("hf", None, (), ("search", "dvts:n=8,width=4"), None, tell=said.append).strategies[
        len(COMPARISON) :
    ]
    assert searches == ("beam-search:stop=\n", "particle-filtering:stop=\n", "rebase:stop=\n", "dvts:n=8,width=4")
    assert said == [
        "The pocket model writes no blank lines, so a step ends at a line break (stop=\\n) in: beam-search, "
        "particle-filtering, rebase."
    ]
    assert "beam-search" in plan("hf", None, (), ("shelf",), None).strategies  # all of it at the published options
    assert "beam-search" in plan("hf", "smollm2", (), ("search",), None, ("judge",)).strategies
