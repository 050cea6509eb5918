"""Claims about the unit in which differences are stated."""

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from rich.console import Console

from tests.analysis.test_compare import right, series
from tts_bench.analysis.compare import compare
from tts_bench.analysis.front import front
from tts_bench.analysis.profile import profile
from tts_bench.analysis.series import Series, curve_of
from tts_bench.analysis.within import Values, line_of
from tts_bench.present.comparison import show
from tts_bench.present.curves import rows as curve_rows
from tts_bench.present.curves import sentence as curve_sentence
from tts_bench.present.front import rows as front_rows
from tts_bench.present.words import paragraphs, rows


def test_a_metric_that_is_no_share_is_compared_in_its_own_unit() -> None:
    scores = np.random.default_rng(0).uniform(20.0, 40.0, (60, 1))
    lines = [series("baseline", scores, [100.0]), series("wait", scores + 2.5, [200.0], cues=True)]
    found = compare(lines)
    assert found.statements[0].share is False
    [said] = paragraphs(found)
    assert said.startswith("wait at 0 is 2.5 above baseline at 0")
    assert "(95% +0.519 to +4.32, p < 0.001" in said  # all alike: one more of the whole range is added to each side
    assert "differences are in the metric's own unit" in said
    assert rows(found.statements)[0][2:4] == ["+2.5", "[+0.519, +4.32]"]
    budgets = front(lines)
    assert [budget.share for budget in budgets] == [False] * len(budgets)
    mean = float(scores.mean())
    assert front_rows(budgets)[-1][2].startswith(f"{mean + 2.5:.3g} [")
    shares = compare([series("baseline", right(60, 30), [100.0]), series("wait", right(60, 45), [200.0], cues=True)])
    assert paragraphs(shares)[0].startswith("wait at 0 is 25.0 points above")
    assert "own unit" not in paragraphs(shares)[0]


@pytest.mark.parametrize("scores", [right(10, 3), np.array([[0.2], [0.4], [1.0], *[[0.0]] * 7]), right(40, 30)])
def test_shares_and_the_same_in_percent_have_one_interval_and_one_p(scores: NDArray[np.float64]) -> None:
    scores[-1] = 1.0  # so that percent are seen to be none
    for base in (np.zeros_like(scores), scores[::-1].copy()):
        said = [
            compare([series("baseline", unit * base, [10.0]), series("wait", unit * scores, [20.0])]).statements[0]
            for unit in (1.0, 100.0)
        ]
        assert [one.share for one in said] == [True, False]
        shares, percent = ((one.difference, one.low, one.high) for one in said)
        assert percent == pytest.approx(tuple(100 * end for end in shares), abs=0.01)


def mixed() -> list[Series]:
    """A metric that is no share, though one of the rungs, and one of the strategies, has only scores from 0 to 1."""
    low = np.random.default_rng(1).uniform(0.2, 0.9, (40, 1))
    return [
        series("baseline", np.hstack([low, 40 * low]), [10.0, 20.0]),
        series("wait", low, [40.0], cues=True),
        series("hmm", low[::-1].copy(), [50.0], cues=True),
    ]


def test_a_unit_is_one_for_all_rungs_and_all_strategies_that_stand_together() -> None:
    lines = mixed()
    for together in (lines[:1], lines):
        assert {(point.low, point.high) for point in curve_of(together)} == {(None, None)}
    assert {one.share for one in compare(lines, resamples=100).statements} == {False}
    assert {budget.share for budget in front(lines, resamples=100)} == {False}
    values = Values(
        np.hstack([lines[1].grids["sums"].score, 40 * lines[1].grids["sums"].score]), np.ones((40, 2)), None, 0
    )
    line = line_of("sums", "v", "natural-length", "score", values, 200, np.random.default_rng(0))
    assert line.share is False
    mean = float(lines[1].grids["sums"].score.mean())
    assert [row[2].partition(" ")[0] for row in curve_rows(line)] == [f"{mean:.3g}", f"{40 * mean:.3g}"]
    assert f"{39 * mean:.3g} above" in curve_sentence(line)
    assert "points" not in curve_sentence(line)


def test_a_summary_of_scores_that_are_no_shares_is_in_their_unit_and_has_no_flips() -> None:
    lines = mixed()
    told = profile(lines[0].grids["sums"])
    mean = float(lines[0].grids["sums"].score[:, 1].mean())
    assert (told.share, told.flips) == (False, None)
    assert told.performance == pytest.approx(mean)
    screen = io.StringIO()
    show(compare(lines, resamples=100), lines, curve_of(lines), Console(width=200, file=screen))
    summary = screen.getvalue().partition("per-strategy summary")[2]
    assert f"{mean:.3g}" in summary
    assert "w>r" not in summary.partition("of all:")[0]
