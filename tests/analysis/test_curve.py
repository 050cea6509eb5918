import json
import math
import weakref
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from tests.analysis.made_up import answer, made_up, record
from tts_bench.analysis.curve import Point, marked, read_curve, wilson, write_curve
from tts_bench.analysis.points import points
from tts_bench.errors import UserError
from tts_bench.records import AnswerRecord, ErrorRecord, Record

METRICS = {"gsm8k": "exact_match", "math500": "exact_match"}


@given(st.integers(1, 2000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_equals_scipy(counts: tuple[int, int]) -> None:
    right, n = counts
    expected = binomtest(right, n).proportion_ci(0.95, method="wilson")
    assert wilson(right / n, n) == pytest.approx((expected.low, expected.high), abs=1e-12)


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_the_interval_holds_the_mean_and_stays_within_0_and_1(n: int, mean: float) -> None:
    low, high = wilson(mean, n)
    assert 0 <= low <= mean <= high <= 1


scores = st.lists(st.sampled_from([0.0, 1.0]), min_size=1, max_size=5)


@given(st.lists(scores, min_size=1, max_size=12))
def test_later_rungs_keep_a_records_last_answer(runs: list[list[float]]) -> None:
    records = [
        record(*(answer(score, rung=str(i), thinking=10 * (i + doc)) for i, score in enumerate(run)), doc=doc)
        for doc, run in enumerate(runs)
    ]
    longest = max(map(len, runs))
    padded = [replace(r, answers=r.answers + r.answers[-1:] * (longest - len(r.answers))) for r in records]
    curve = points(records, metrics=METRICS)
    assert len(curve) == longest
    for index, point in enumerate(curve):
        last = [r.answers[index] for r in padded]
        assert (point.index, point.rung, point.n) == (index, str(index), len(runs))
        assert point.accuracy == sum(a.scores["exact_match"] for a in last) / len(last)
        assert point.generated == sum(a.cost.generated for a in last) / len(last)
        assert point.low is not None
        assert point.high is not None
        assert point.low <= point.accuracy <= point.high


@given(st.lists(scores, min_size=1, max_size=6), st.lists(scores | st.just([]), max_size=4))
def test_errors_change_no_number_but_their_own(runs: list[list[float]], failures: list[list[float]]) -> None:
    good = [record(*(answer(s, rung=str(i)) for i, s in enumerate(run)), doc=doc) for doc, run in enumerate(runs)]
    bad = [
        record(*(answer(s, rung=str(i)) for i, s in enumerate(run)), doc=doc, error=ErrorRecord("raised", "no"))
        for doc, run in enumerate(failures, len(good))
    ]
    found = points([*bad, *good], metrics=METRICS)
    for point, clean in zip(found, points(good, metrics=METRICS), strict=True):
        assert replace(point, errors=0, overall=clean.overall) == clean
        assert point.errors == len(bad)
        assert point.overall == pytest.approx((clean.accuracy or 0.0) * len(good) / (len(good) + len(bad)), abs=1e-12)


def test_a_strategy_that_only_failed_is_on_the_curve_without_a_number() -> None:
    [point] = points([record(error=ErrorRecord("timeout", "60 s"))], metrics=METRICS)
    assert (point.n, point.errors, point.accuracy, point.low, point.high) == (0, 1, None, None, None)


def test_shares_and_means_are_those_of_the_answers() -> None:
    [point] = points(
        [
            record(answer(1.0, thinking=100, truncated=True, cues=(2, 1), lenient=1.0)),
            record(answer(0.0, thinking=200, extracted=None, cues=(2, 2), lenient=1.0), doc=1),
        ],
        metrics=METRICS,
    )
    assert point.metrics == {"exact_match": 0.5, "lenient": 1.0}
    assert (point.truncated, point.no_answer, point.cues_wanted, point.cues) == (0.5, 0.5, 2, 1.5)
    assert (point.prompt, point.generated, point.forced, point.sequential) == (50, 163, 3, 75)
    assert point.flops == 3.0e8


def test_tasks_and_strategies_are_kept_apart_in_the_order_seen() -> None:
    curve = points(made_up(("math500", "gsm8k"), n=5), metrics=METRICS)
    assert list(dict.fromkeys(point.task for point in curve)) == ["math500", "gsm8k"]
    assert [point.index for point in curve if point.strategy.startswith("baseline")] == [0, 1, 2] * 2


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (record(answer(), doc=1, task="trivia"), "belongs to another run"),
        (record(replace(answer(), scores={}), doc=1), "no score 'exact_match'"),
        (record(answer(math.nan), doc=1), "'exact_match' = nan"),
        (record(doc=1), "neither answer nor error"),
        (record(answer(rung="Wait x1"), doc=1), "calls rung 0 'Wait x1'"),
        (record(answer()), "is duplicated"),
    ],
)
def test_records_that_fit_no_curve_are_refused(broken: Record, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        points([record(answer()), broken], metrics=METRICS)


def test_a_metric_that_is_no_share_has_a_mean_and_no_interval() -> None:
    [point] = points([record(answer(37.5)), record(answer(12.5), doc=1)], metrics=METRICS)
    assert (point.accuracy, point.low, point.high) == (25.0, None, None)
    [point] = points([record(answer(4.0)), record(answer(-1.0), doc=1), record(answer(-1.0), doc=2)], metrics=METRICS)
    assert point.accuracy == pytest.approx(2 / 3)
    assert (point.low, point.high) == (None, None)  # a mark for a right answer and less than one for a wrong one


def test_records_are_not_kept() -> None:
    answers: list[weakref.ref[AnswerRecord]] = []
    most = 0

    def stream() -> Iterator[Record]:
        nonlocal most
        for doc in range(500):
            made = record(*(answer(float(doc % 2), rung=str(i)) for i in range(4)), doc=doc)
            answers.extend(map(weakref.ref, made.answers))
            most = max(most, sum(kept() is not None for kept in answers))
            yield made

    points(stream(), metrics=METRICS)
    assert most <= 8


def test_a_curve_is_read_back_as_it_was_written_and_holds_no_nan(tmp_path: Path) -> None:
    curve = points([*made_up(n=7), record(strategy="broken", error=ErrorRecord("raised", "no"))], metrics=METRICS)
    write_curve(tmp_path / "curve.json", curve, {"model": "smollm2", "seed": 0})
    assert read_curve(tmp_path / "curve.json") == ({"model": "smollm2", "seed": 0}, curve)

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    json.loads((tmp_path / "curve.json").read_text(), parse_constant=refuse)


def test_nan_in_the_header_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_curve(tmp_path / "curve.json", [], {"seconds": math.nan})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "cannot read"),
        ("{", "is not a curve.json"),
        ("[]", "is not a curve.json"),
        ('{"schema": 1, "header": {}, "points": [{"task": "gsm8k"}]}', "is not a curve.json"),
        ('{"schema": 2, "header": {}, "points": ["gsm8k"]}', "is not a curve.json"),
        ('{"schema": 7, "header": {}, "points": []}', "curve schema 7; this version reads 1 and 2"),
    ],
)
def test_a_file_that_is_no_curve_is_a_user_error(tmp_path: Path, text: str | None, message: str) -> None:
    if text is not None:
        (tmp_path / "curve.json").write_text(text)
    with pytest.raises(UserError, match=message):
        read_curve(tmp_path / "curve.json")


def test_long_lines_are_marked_first_last_and_at_powers_of_two() -> None:
    def line(n: int) -> list[Point]:
        return points([record(*(answer(rung=str(k)) for k in range(1, n + 1)))], metrics=METRICS)

    assert [point.rung for point in marked(line(5))] == ["1", "2", "3", "4", "5"]
    assert [point.rung for point in marked(line(48))] == ["1", "2", "4", "8", "16", "32", "48"]
