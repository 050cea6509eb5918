"""Numbers of entries come from their problems, and ranks from paired tests."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from tests.analysis.boards import content, entry
from tts_bench.cli.main import parses
from tts_bench.present.leaderboard.document import Cells, document
from tts_bench.present.leaderboard.figure import figure
from tts_bench.present.leaderboard.ranking import TOLD, rankings
from tts_bench.present.leaderboard.recompute import complete, packed, unpacked

numbers = st.floats(0, 1e15, allow_nan=False) | st.integers(0, 10**15).map(float)


@given(st.lists(numbers, min_size=1, max_size=30) | st.lists(st.sampled_from([0.0, 1.0]), min_size=1, max_size=30))
def test_a_column_is_read_as_it_was_written(values: list[float]) -> None:
    assert unpacked(packed(values), len(values)) == values


@pytest.mark.parametrize(
    "column", ["01", "0 1 0", "1 2", "010 ", "0102", "+1 2 3", "1.0 2 3", "1 2 nan", "1e0 2 3", "1  2"]
)
def test_a_column_of_another_form_or_length_is_refused(column: str) -> None:
    with pytest.raises(ValueError, match=r"values for 3 problems|not written as|could not convert"):
        unpacked(column, 3)


def test_values_too_large_to_add_up_are_refused_with_their_place() -> None:
    held = content({"a": [1, 0]})
    held["tasks"]["sums"]["strategies"]["a"]["rungs"]["only"]["problems"]["flops"] = "1e+308 1e+308"
    with pytest.raises(ValueError, match=r"tasks.sums.strategies.a.rungs.only.problems.flops: "):
        complete(held)


@given(st.lists(st.integers(0, 10**15), min_size=1, max_size=40), st.randoms())
def test_means_do_not_depend_on_the_order_of_the_problems(values: list[int], shuffle: random.Random) -> None:
    def mean(column: list[int]) -> float:
        held = content({"a": [0] * len(values)})
        problems = held["tasks"]["sums"]["strategies"]["a"]["rungs"]["only"]["problems"]
        problems["flops"] = packed(map(float, column))
        return float(complete(held)["tasks"]["sums"]["strategies"]["a"]["rungs"]["only"]["flops"])

    other = list(values)
    shuffle.shuffle(other)
    assert mean(values) == mean(other) == pytest.approx(sum(values) / len(values), rel=1e-15)


def ranks(lines: dict[str, Sequence[float]]) -> dict[str, tuple[int, bool]]:
    [ranking] = rankings({"x.json": entry(lines)})
    return {row.line.label: (row.rank, row.tied) for row in ranking.rows}


def first(right: int, problems: int = 100) -> list[float]:
    return [1.0] * right + [0.0] * (problems - right)


def test_a_rank_of_its_own_goes_only_to_what_the_paired_test_tells_from_the_row_above() -> None:
    assert ranks({"a": first(60), "b": first(40), "c": first(39), "d": first(5)}) == {
        "a": (1, False),
        "b": (2, True),
        "c": (2, True),
        "d": (4, False),
    }
    assert ranks({"a": first(50), "b": first(50)}) == {"a": (1, True), "b": (1, True)}
    assert ranks({"a": first(50)}) == {"a": (1, False)}


def test_the_same_accuracies_are_a_tie_or_not_by_how_the_problems_agree() -> None:
    nested, elsewhere = first(53), [0.0] * 44 + [1.0] * 53 + [0.0] * 3
    assert ranks({"a": first(60), "b": nested})["b"] == (2, False)  # seven gained and none lost: p = 0.016
    assert ranks({"a": first(60), "b": elsewhere})["b"] == (1, True)  # as much lower, but 44 gained and 37 lost


@given(st.lists(st.lists(st.booleans(), min_size=30, max_size=30), min_size=2, max_size=5))
def test_p_values_are_those_of_scipys_sign_test_times_holms_factors(verdicts: list[list[bool]]) -> None:
    [ranking] = rankings({"x.json": entry({str(place): list(map(float, row)) for place, row in enumerate(verdicts)})})
    scores = [np.array(unpacked(row.rung[1].problems.score, 30)) for row in ranking.rows]
    raw = []
    for above, below in pairwise(scores):
        gained, lost = int((above > below).sum()), int((above < below).sum())
        raw.append(binomtest(gained, gained + lost).pvalue if gained + lost else 1.0)
    # Holm in one formula: the largest of the corrected p-values up to this one, each times the tests not below it.
    holm = [max(min(1.0, other * sum(p >= other for p in raw)) for other in raw if other <= mine) for mine in raw]
    assert [row.p for row in ranking.rows[1:]] == pytest.approx(holm, abs=1e-12)
    for row, after in pairwise(ranking.rows):
        assert (after.rank > row.rank) == (after.p is not None and after.p < TOLD)
        assert after.tied or after.rank > row.rank


def test_scores_between_right_and_wrong_are_compared_by_sign_flips() -> None:
    assert ranks({"a": [0.7] * 40, "b": [0.2] * 40}) == {"a": (1, False), "b": (2, False)}
    assert ranks({"a": [0.7, 0.2] * 20, "b": [0.2, 0.7] * 20})["b"] == (1, True)


@pytest.mark.parametrize(("scores", "told"), [([1.0, 0.0], "only: 50.0 at"), ([4.0, -1.0], "only: 1.5 at")])
def test_a_point_of_the_figure_has_its_accuracy_in_the_unit_of_the_axis(scores: list[float], told: str) -> None:
    [ranking] = rankings({"x.json": entry({"a": scores * 10})})
    assert f"<title>{told} 100 tokens</title>" in figure(ranking)


@pytest.mark.parametrize(
    "change",
    [
        {"data": "0" * 64},
        {"prompts": "0" * 64},
        {"metric": "lenient"},
    ],
)
def test_what_was_measured_otherwise_stands_in_a_table_of_its_own(change: dict[str, str]) -> None:
    one, two = entry({"a": first(50)}), entry({"b": first(40)}, seed=1)
    assert [len(ranking.rows) for ranking in rankings({"1.json": one, "2.json": two})] == [2]
    other = entry({"b": first(40)}, seed=1, **change)
    assert [len(ranking.rows) for ranking in rankings({"1.json": one, "2.json": other})] == [1, 1]


def test_entries_with_another_seed_stand_in_one_table_under_names_of_their_own() -> None:
    [ranking] = rankings({f"{seed}.json": entry({"a": first(50 - seed)}, seed=seed) for seed in (0, 1)})
    assert ranking.names == ["a (seed 0, 0.json)", "a (seed 1, 1.json)"]


def test_ties_are_shown_as_ties() -> None:
    blocks = document({"x.json": entry({"a": first(60), "b": first(40), "c": first(39)})}, parses)
    table = next(block for block in blocks if isinstance(block, Cells))
    assert [row[0] for row in table.rows] == ["1", "2=", "2="]
    assert [row[3] for row in table.rows] == ["60.0", "40.0", "39.0"]


def test_a_metric_that_is_no_share_has_no_interval_and_no_percent() -> None:
    held = entry({"a": [3.5, 12.0], "b": [0.0, 1.0]})
    rung = held.tasks["sums"].strategies["a"].rungs["only"]
    assert (rung.accuracy, rung.low, rung.high) == (7.75, None, None)
    table = next(block for block in document({"x.json": held}, parses) if isinstance(block, Cells))
    assert list(table.rows[0][3:5]) == ["7.75", ""]
    assert math.isclose(float(str(table.rows[1][3])), 50.0)
