"""Claims about the self-test: what it calls sound and what it does not."""

from __future__ import annotations

import pytest

from tests.runs.statements import statement
from tts_bench.config import ModelConfig
from tts_bench.controls import GAINS, NEGATIVE, POSITIVE, judge, play


def verdicts(gains: tuple[float, float], moves: tuple[float, float], half: float = 0.05) -> list[bool]:
    pairs = [(POSITIVE, gain) for gain in gains] + [(NEGATIVE, move) for move in moves]
    found = judge([statement(task, difference, half) for task, difference in pairs], GAINS)
    assert [verdict.control for verdict in found] == ["positive control", "negative control"]
    return [verdict.sound for verdict in found]


def test_the_effects_that_were_built_in_are_sound() -> None:
    assert verdicts((0.15, 0.3), (0.0, -0.01)) == [True, True]


@pytest.mark.parametrize("gains", [(0.0, 0.3), (0.15, 0.1), (-0.15, 0.3), (0.04, 0.3)])
def test_a_gain_that_is_missing_or_in_the_noise_is_not_found(gains: tuple[float, float]) -> None:
    assert verdicts(gains, (0.0, 0.0)) == [False, True]


@pytest.mark.parametrize("moves", [(0.08, 0.0), (0.0, -0.08)])
def test_a_move_on_the_negative_control_is_not_silent(moves: tuple[float, float]) -> None:
    assert verdicts((0.15, 0.3), moves) == [True, False]


def test_a_control_without_statements_is_neither_found_nor_silent() -> None:
    assert [verdict.sound for verdict in judge([], GAINS)] == [False, False]


@pytest.mark.slow
def test_this_installation_measures_both_controls() -> None:
    found = play(ModelConfig(model="pocket", engine="hf:threads=1"), problems=100)
    assert all(verdict.sound for verdict in found), found
