"""The analysis says what is true of the pocket model: what counts as that, and what twenty seeds came to."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.known_truth import CLAIMS, GAINS, judge, play
from tests import forked
from tests.runs.statements import statement
from tts_bench.analysis.family import Statement
from tts_bench.models import resolve

RESULT = Path(__file__).parents[1] / "docs" / "results" / "known-truth.json"


def said(left: str, right: str, difference: float, *, half: float = 0.02, kind: str = "last") -> Statement:
    sure = 0.001 if abs(difference) > half else 0.5
    made = statement("pocket", difference, half)
    return replace(made, kind=kind, left=left, right=right, adjusted=sure)  # type: ignore[arg-type]


def told(gains: dict[str, float], ahead: float = 0.1, moves: float = 0.01, half: float = 0.02) -> list[str]:
    """The claims that hold where strategies gain so much, the learned token is ahead, and the flat task moves."""
    positive = [said(name, "baseline", gain) for name, gain in gains.items()]
    positive.append(said("learned-token", "majority-vote", ahead, kind="matched"))
    positive.append(said("budget-forcing", "learned-token", -ahead, kind="matched"))
    negative = [said(name, "baseline", moves, half=half) for name in gains]
    return [claim for claim, holds in judge(positive, negative).items() if holds]


TRUE = {"budget-forcing": 0.18, "majority-vote": 0.34, "learned-token": 0.35}


def test_what_was_built_in_is_what_is_true() -> None:
    assert told(TRUE) == list(CLAIMS)


@pytest.mark.parametrize(
    ("found", "lost"),
    [
        (told({**TRUE, "budget-forcing": 0.01}), ["found"]),
        (told({**TRUE, "majority-vote": 0.2}), ["found"]),
        (told({**TRUE, "learned-token": 0.17}), ["order"]),
        (told(TRUE, ahead=0.01), ["order"]),
        (told(TRUE, ahead=-0.1), ["order"]),
        (told(TRUE, moves=0.05), ["silent"]),
        (told(TRUE, moves=-0.05), ["silent"]),
        (told(TRUE, half=0.04), ["silent"]),
        (told({"majority-vote": 0.34}), list(CLAIMS)),
    ],
)
def test_what_is_not_true_is_not_taken_for_it(found: list[str], lost: list[str]) -> None:
    assert found == [claim for claim in CLAIMS if claim not in lost]


@pytest.mark.slow
def test_a_seed_is_played_on_both_tasks_and_gains_have_their_signs_at_a_tenth_of_the_size() -> None:
    def run(arguments: Sequence[str], _: Path) -> None:
        done = forked.run(forked.MAIN, *arguments)
        assert done.returncode == 0, done.stderr

    told = play(seed=100, problems=60, flat=60, run=run)["statements"]
    assert {said["task"] for said in told} == {"pocket_arithmetic", "pocket_flat"}
    gains = {said["left"]: said for said in told if said["kind"] == "last" and said["task"] == "pocket_arithmetic"}
    assert gains.keys() == GAINS.keys()
    assert all(said["high"] >= GAINS[name] for name, said in gains.items())
    assert min(gains[name]["low"] for name in ("majority-vote", "learned-token")) > 0


def test_the_published_result_is_of_the_shipped_model_and_right_in_20_of_20_seeds() -> None:
    held = json.loads(RESULT.read_text("utf-8"))
    assert held["settings"] == {"model": resolve("pocket").fingerprint, "problems": 600, "flat": 3000}
    assert {claim: sum(seed[claim] for seed in held["seeds"].values()) for claim in CLAIMS} == dict.fromkeys(CLAIMS, 20)
