from collections import Counter
from dataclasses import replace
from fractions import Fraction
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import hypergeom

from tests.analysis.test_honest import folder
from tests.analysis.voters import plain
from tts_bench.analysis.runs import finished
from tts_bench.analysis.series import series_of
from tts_bench.analysis.votes import majority_at_k, pass_at_k

ballots = st.lists(st.sampled_from(["a", "b", "c", "d", None]), min_size=1, max_size=12)
scores = st.dictionaries(st.sampled_from(["a", "b", "c", "d", None]), st.sampled_from([0.0, 0.25, 1.0]))


def brute_force(pool: list[str | None], score: dict[str | None, float], k: int) -> Fraction:
    """The mean over all subsets of what their winners score, tied winners sharing."""
    found = []
    for subset in combinations(pool, k):
        counts = Counter(ballot for ballot in subset if ballot is not None)
        winners = [name for name in counts if counts[name] == max(counts.values())] if counts else [None]
        found.append(sum((Fraction(score.get(name, 0.0)) for name in winners), Fraction(0)) / len(winners))
    return sum(found, Fraction(0)) / len(found)


@settings(max_examples=150)
@given(ballots, scores)
def test_a_vote_of_k_is_the_mean_over_all_subsets_of_k(pool: list[str | None], score: dict[str | None, float]) -> None:
    """To the last digit: each is the exact share, rounded once."""
    expected = [float(brute_force(pool, score, k)) for k in range(1, len(pool) + 1)]
    assert majority_at_k(pool, score).tolist() == expected


@given(st.integers(1, 80), st.integers(0, 79), st.integers(0, 20))
def test_an_answer_that_always_wins_has_a_share_of_exactly_1(right: int, wrong: int, silent: int) -> None:
    """Quadrature in floating point gave 1 + 2.2e-16 to a fifth of the winners of a whole pool."""
    pool = ["r"] * right + ["w"] * min(wrong, right - 1) + [None] * silent
    found = majority_at_k(pool, {"r": 1.0})
    assert found[-1] == 1.0
    assert found.max() == 1.0


@given(st.integers(1, 12).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))))
def test_pass_at_k_is_the_share_of_subsets_that_hold_a_right_one(counts: tuple[int, int]) -> None:
    n, right = counts
    pool = [place < right for place in range(n)]
    for k, found in enumerate(pass_at_k(n, right), 1):
        subsets = list(combinations(pool, k))
        assert found == pytest.approx(sum(map(any, subsets)) / len(subsets), abs=1e-12)


@given(st.integers(1, 200).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))))
def test_pass_at_k_is_scipys_hypergeometric_chance(counts: tuple[int, int]) -> None:
    n, right = counts
    ks = np.arange(1, n + 1)
    assert pass_at_k(n, right) == pytest.approx(hypergeom.sf(0, n, right, ks), abs=1e-9)


@given(st.integers(1, 64), st.integers(0, 64))
def test_of_two_answers_the_vote_is_a_hypergeometric_tail(right: int, wrong: int) -> None:
    n = right + wrong
    found = majority_at_k(["r"] * right + ["w"] * wrong, {"r": 1.0})
    for k in range(1, n + 1):
        tail = hypergeom.sf(k // 2, n, right, k)
        tie = hypergeom.pmf(k // 2, n, right, k) / 2 if k % 2 == 0 else 0.0
        assert found[k - 1] == pytest.approx(tail + tie, abs=1e-9)


def test_one_sample_scores_the_mean_and_all_samples_score_the_winner() -> None:
    pool = ["a"] * 30 + ["b"] * 20 + [None] * 14
    found = majority_at_k(pool, {"b": 1.0})
    assert found[0] == pytest.approx(20 / 64)
    assert found[-1] == 0.0


def test_an_empty_pool_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        majority_at_k([], {})
    with pytest.raises(ValueError, match="no pool"):
        pass_at_k(3, 4)


@pytest.mark.parametrize(
    ("said", "scored"),
    [
        (["g", "g"], [1.0]),  # "#### 4" is a rung, "#### 4 (5 apples)" would score 0
        (["g", None, None], [1.0, 0.0]),  # the last one would score 1
    ],
)
def test_votes_by_a_metric_that_answers_are_not_extracted_for_are_those_of_the_first_k(
    said: list[str | None], scored: list[float], tmp_path: Path
) -> None:
    """It may tell texts of one extracted answer apart, of which lm-eval scored one."""
    record = plain(said)
    segments, lenient = list(record.segments), iter(scored)
    for place, part in enumerate(segments):
        if part.kind == "answer" and (score := next(lenient, None)) is not None:
            segments[place] = replace(part, scores={**part.scores, "lenient": score})
    answers = tuple(replace(each, scores={**each.scores, "lenient": 1.0}) for each in record.answers)
    run = finished(folder(tmp_path / "run", [replace(record, segments=tuple(segments), answers=answers)]))
    for metric, known in {None: True, "strict": True, "lenient": False}.items():
        [vote], notes = series_of([run.read(metric)])
        assert (vote.grids["sums"].votes is not None) == known
        assert sum("so a vote of k is that of the first k samples" in note for note in notes) == 1 - known
    assert vote.grids["sums"].expected.tolist() == [[1.0] * len(said)]
