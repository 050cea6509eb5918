"""A token is held against what its critics would ask for."""

from __future__ import annotations

import numpy as np
import pytest

from tts_bench.learning.evaluation import Measured, summary


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
