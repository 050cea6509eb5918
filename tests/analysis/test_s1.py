"""s1's published figures (arXiv 2501.19393, table 3 and the appendix) come out of its published tables."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts_bench.analysis.s1 import control, performance, scaling_per_doubling, scaling_per_thousand

BUDGET_FORCED = ([1024, 2048, 4031, 5664, 6330], [3.3, 30.0, 33.3, 33.3, 40.0])  # token-conditional, AIME24
CLASS_CONDITIONAL = ([8033, 9651], [30.0, 36.7])  # short and long, AIME24
TOKEN_CONDITIONAL = [7939, 7158, 8263, 7108, 7500]  # mean tokens for limits of 1k to 16k


@pytest.mark.parametrize(("table", "published"), [(BUDGET_FORCED, 13), (CLASS_CONDITIONAL, 25)])
def test_published_scaling_is_points_per_doubling(table: tuple[list[float], list[float]], published: int) -> None:
    assert round(scaling_per_doubling(*table)) == published


@pytest.mark.parametrize(("table", "recomputed"), [(CLASS_CONDITIONAL, 4.1)])
def test_the_printed_formula_gives_points_per_token(table: tuple[list[float], list[float]], recomputed: float) -> None:
    assert scaling_per_thousand(*table) == pytest.approx(recomputed, abs=0.05)


def test_published_control_and_performance() -> None:
    assert control(TOKEN_CONDITIONAL, high=[1024, 2048, 4096, 8192, 16384]) == 0.4
    assert control(BUDGET_FORCED[0], high=[1024, 2048, 4096, 8192, 16384]) == 1.0
    assert performance(BUDGET_FORCED[1]) == 40.0


def test_control_over_traces_sees_what_the_mean_of_a_run_hides() -> None:
    traces = [100, 100, 100, 2000]
    assert control([sum(traces) / 4], high=1000) == 1.0
    assert control(traces, high=1000) == 0.75


@given(st.floats(-50, 50), st.lists(st.integers(1, 20), min_size=2, max_size=8, unique=True))
def test_a_straight_line_over_log2_has_its_own_slope(slope: float, powers: list[int]) -> None:
    assert scaling_per_doubling([2.0**p for p in powers], [slope * p for p in powers]) == pytest.approx(slope)


@pytest.mark.parametrize(("tokens", "message"), [([5, 5], "different length"), ([0, 5], "above 0")])
def test_what_has_no_slope_is_refused(tokens: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        scaling_per_doubling(tokens, [1.0, 2.0])
    with pytest.raises(ValueError, match="no control"):
        control([])
