import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts_bench.analysis.matched import accuracy_at, area, overlap, pareto

curves = st.lists(
    st.tuples(st.floats(1, 1e6), st.floats(0, 1)), min_size=1, max_size=7, unique_by=lambda point: round(point[0], 3)
)


@given(curves, st.floats(0.5, 2e6))
def test_between_rungs_accuracy_is_numpys_interpolation_over_log2(line: list[tuple[float, float]], at: float) -> None:
    xs, ys = zip(*sorted(line), strict=True)
    expected = np.interp(np.log2(at), np.log2(xs), ys)
    costs, accuracies = zip(*line, strict=True)
    assert accuracy_at(at, costs, accuracies) == pytest.approx(expected, abs=1e-9)


@given(curves, st.floats(1, 1e6))
def test_many_resamples_at_once_are_each_alone(line: list[tuple[float, float]], at: float) -> None:
    costs, accuracies = np.array(line).T
    both = accuracy_at(at, np.stack([costs, costs * 2]), np.stack([accuracies, accuracies / 2]))
    assert both == pytest.approx(
        [float(accuracy_at(at, costs, accuracies)), float(accuracy_at(at, costs * 2, accuracies / 2))]
    )


def test_the_area_is_the_mean_height_over_doublings() -> None:
    assert area([64, 128, 256], [0.0, 1.0, 1.0], 64, 256) == pytest.approx(0.75)
    assert area([64, 256], [0.2, 0.4], 128, 256) == pytest.approx(0.35)
    with pytest.raises(ValueError, match="no area"):
        area([64, 256], [0.2, 0.4], 32, 256)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=12))
def test_no_point_beats_one_on_the_front_and_every_other_is_beaten(points: list[tuple[float, float]]) -> None:
    front = pareto(points)
    for place, (cost, accuracy) in enumerate(points):
        beaten = any((c <= cost and a > accuracy) or (c < cost and a >= accuracy) for c, a in points)
        same = [other for other in front if points[other] == (cost, accuracy)]
        assert (place in front or bool(same)) == (not beaten)


def test_curves_that_do_not_meet_have_no_common_compute() -> None:
    assert overlap([1, 4], [2, 8]) == 4
    assert overlap([1, 4], [5, 8]) is None
