"""A token is held against what its critics would ask for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.learning.made_up import thinker
from tests.learning.test_train import closing
from tests.learning.test_training_problems import write_math
from tts_bench.config import ModelConfig
from tts_bench.learning.config import TrainConfig
from tts_bench.learning.evaluation import Evaluation, Measured, evaluate, spread, summary
from tts_bench.lm_eval import replay
from tts_bench.tokens import tokenfile


def arm(scores: list[list[float]], tokens: list[float], documents: list[int] | None = None) -> Measured:
    score = np.array(scores, float)
    costs = np.tile(np.array(tokens, float), (len(score), 1))
    none = np.zeros_like(score)
    values = {"generated": costs, "no_answer": none, "truncated": none}
    rungs = tuple(f"x{place}" for place in range(score.shape[1]))
    names = tuple(("t", document) for document in documents or range(len(score)))
    return Measured(rungs, names, score, score, values, {"strict": score, "lenient": score}, 0)


def test_gains_are_over_no_token_its_word_and_both_others_at_equal_tokens() -> None:
    # Four problems. The token: one of four without it, three of four with it, at 40 tokens.
    token = arm([[1, 1], [0, 1], [0, 1], [0, 0]], [20, 40])
    # Its word: 1/4 at 20 tokens, 2/4 at 30 tokens, 3/4 at 60. At 40 tokens, on log2: half way, 5/8.
    word = arm([[1, 1, 1], [0, 1, 1], [0, 0, 1], [0, 0, 0]], [20, 80 / 3, 60])
    # Votes: 1/4 at 20, 2/4 at 40, and no more rungs.
    vote = arm([[1, 1], [0, 1], [0, 0], [0, 0]], [20, 40])
    found = summary("t", token, word, vote)
    assert found.baseline == 0.25
    [rung] = found.rungs
    assert rung.accuracy == 0.75
    assert rung.tokens == 40
    assert rung.over_none.mean == pytest.approx(0.5)
    assert rung.over_word.mean == pytest.approx(0.25)
    assert rung.over_word_at_equal_tokens.mean == pytest.approx(0.75 - 0.625)
    assert rung.over_vote_at_equal_tokens.mean == pytest.approx(0.25)
    assert not rung.over_vote_at_equal_tokens.beyond
    assert (rung.fixed, rung.spoiled) == (0.5, 0.0)
    assert rung.over_none.low < 0.5 < rung.over_none.high
    assert rung.scores == {"strict": 0.75, "lenient": 0.75}


def test_a_curve_that_ends_early_is_held_level_and_said_to_be() -> None:
    token = arm([[1, 1], [0, 1]], [20, 100])
    short = arm([[1, 1], [0, 0]], [20, 40])
    [rung] = summary("t", token, short, short).rungs
    assert rung.over_word_at_equal_tokens.beyond
    assert rung.over_word_at_equal_tokens.mean == pytest.approx(0.5)


def test_problems_that_one_arm_did_not_answer_are_left_out_of_all() -> None:
    token = arm([[1, 1], [0, 1], [0, 0]], [20, 40], [4, 5, 6])
    other = arm([[0, 0], [0, 0]], [20, 40], [6, 5])
    found = summary("t", token, other, other)
    assert found.problems == 2
    assert found.rungs[0].accuracy == 0.5


@pytest.mark.parametrize(
    ("sizes", "count", "taken"),
    [
        ({"a": 1319}, 300, {"a": 300}),
        ({"a": 5}, 300, {"a": 5}),
        ({"a": 60, "b": 30, "c": 10}, 10, {"a": 6, "b": 3, "c": 1}),
        ({"a": 10, "b": 10, "c": 10}, 2, {"a": 1, "b": 1}),
        ({"a": 90, "b": 0, "c": 1}, 3, {"a": 3}),
        ({"a": 3, "b": 4}, 300, {"a": 3, "b": 4}),
    ],
)
def test_problems_are_spread_over_the_parts_of_a_task_and_no_part_is_named_without_any(
    sizes: dict[str, int], count: int, taken: dict[str, int]
) -> None:
    assert spread(sizes, count) == {name: list(range(number)) for name, number in taken.items()}


@given(st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 50), min_size=1), st.integers(1, 400))
def test_as_many_problems_as_are_wanted_or_there_are_no_part_more_than_one_off_its_share(
    sizes: dict[str, int], count: int
) -> None:
    found, total = spread(sizes, count), sum(sizes.values())
    wanted = min(count, total)
    assert sum(map(len, found.values())) == wanted
    for name, size in sizes.items():
        number = len(found.get(name, ()))
        assert number <= size
        assert abs(number * total - wanted * size) < total or not total


def evaluated(folder: Path, problems: int) -> Evaluation:
    """Of a made-up row, on the seven parts of MATH with three problems each."""
    settings: dict[str, Any] = {"max_thinking_tokens": 12, "max_answer_tokens": 4}
    with closing(thinker(folder / "m", **settings)) as model:
        where = str(folder / "m")
        config = TrainConfig(
            ModelConfig(where, "hf:device=cpu,threads=1", thinking="think-tags", **settings), "hendrycks_math",
            folder / "t", data_dir=write_math(folder / "data"), test_problems=problems, test_continuations=1, votes=1,
        )  # fmt: skip
        token = tokenfile.make_token("<|t|>", model.engine.info.fingerprint, np.ones(64, np.float32))
        return evaluate(config, model, token, folder / "t.training")


@pytest.mark.parametrize(("problems", "parts"), [(3, 3), (9, 7)])
def test_a_token_is_evaluated_on_a_group_with_fewer_problems_than_it_has(
    tmp_path: Path, problems: int, parts: int
) -> None:
    found = evaluated(tmp_path, problems)
    assert (found.task, found.problems, found.errors) == ("hendrycks_math", problems, 0)
    [run] = (tmp_path / "t.training").glob("evaluation-*")
    lines = [json.loads(line) for line in (run / "records.jsonl").read_text().splitlines()]
    assert len({line["task"] for line in lines}) == parts
    assert len({(line["task"], line["doc_id"]) for line in lines}) == problems


def test_an_evaluation_that_was_interrupted_stands_in_the_way_of_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:

        def interrupted(*_: object) -> None:
            raise KeyboardInterrupt

        patched.setattr(replay, "score_rungs", interrupted)
        with pytest.raises(KeyboardInterrupt):
            evaluated(tmp_path, 21)
    assert evaluated(tmp_path, 19).problems == 19
    assert evaluated(tmp_path, 21).problems == 21
    assert len(list((tmp_path / "t.training").glob("evaluation-*"))) == 2  # the first was gone on with
