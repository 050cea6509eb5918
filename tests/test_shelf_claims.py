"""What the pocket model's making implies for the shelf: how claims are judged, what is published, and the strongest."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.shelf import PARTS, TASKS
from benchmarks.shelf_claims import CLAIMS, FROM_SEED, Claim, difference, judged
from tests import forked
from tests.runs.statements import statement
from tts_bench import presets
from tts_bench.analysis.compare import compare
from tts_bench.analysis.family import Statement
from tts_bench.analysis.runs import read_run
from tts_bench.analysis.series import series_of
from tts_bench.models import resolve

RESULT = Path(__file__).parents[1] / "docs" / "results" / "shelf.json"
PUBLISHED: dict[str, Any] = json.loads(RESULT.read_text("utf-8"))


def said(left: str, right: str, points: float, half: float = 1.0, **more: object) -> Statement:
    return replace(statement("pocket", points / 100, half / 100), left=left, right=right, **more)  # type: ignore[arg-type]


def test_a_difference_has_the_sign_of_the_strategy_that_it_is_about() -> None:
    stated = [said("majority-vote", "esc", 4, kind="matched"), said("esc", "baseline", 30, kind="last", ratio=9.0)]
    assert difference(stated, "esc", "majority-vote", "matched") == pytest.approx((-4, -5, -3))
    assert difference(stated, "esc", "baseline", "last") == pytest.approx((30, 29, 31))
    assert difference(stated, "esc", "baseline", "bill") == pytest.approx((900, 900, 900))
    assert difference(stated, "baseline", "esc", "bill")[0] == pytest.approx(100 / 9)
    with pytest.raises(LookupError, match="nothing is stated of esc and majority-vote"):
        difference(stated, "esc", "majority-vote", "last")


@pytest.mark.parametrize(
    ("points", "holds", "settled"),
    [
        (2, True, True),
        (2.5, True, False),
        (3.5, False, False),
        (5, False, True),
        (-2.5, True, False),
        (-5, False, True),
    ],
)
def test_a_claim_holds_where_the_difference_is_within_it_and_is_settled_where_the_interval_is(
    points: float, holds: bool, settled: bool
) -> None:
    claim = Claim("", ("esc",), "baseline", -3, 3)
    [found] = judged(
        {("pocket_arithmetic", "shelf"): lambda _: [said("esc", "baseline", points, kind="last")]}, [claim]
    )
    assert (found["holds"], found["settled"]) == (holds, settled)


def test_a_claim_of_all_is_of_every_one_that_no_scorer_leads() -> None:
    stated = [said(name, "baseline", 0, kind="last") for name in ("esc", "dvts", "picsar")]
    claim = Claim("", (), "baseline", most=3)
    found = judged({("pocket_arithmetic", "shelf"): lambda _: stated}, [claim])
    assert [each["strategy"] for each in found] == ["esc", "picsar"]


def test_the_published_result_is_of_the_shipped_model_and_has_every_strategy_and_claim() -> None:
    settings, points = PUBLISHED["settings"], PUBLISHED["points"]
    assert settings["model"] == resolve("pocket").fingerprint
    for task in TASKS:
        there = {point["strategy"]: point for point in points if (point["task"], point["part"]) == (task, "shelf")}
        assert there.keys() >= set(presets.groups()[presets.SHELF])
        assert {point["n"] for point in there.values()} == {settings["problems"][task]}
    played = [claim for claim in CLAIMS if max(settings["seeds"][claim.task]) >= FROM_SEED.get(claim.part, 1)]
    named = {(claim.says, claim.task, claim.against, name) for claim in played for name in claim.strategies}
    assert named <= {(one["says"], one["task"], one["against"], one["strategy"]) for one in PUBLISHED["claims"]}


def test_the_published_claims_are_of_the_published_statements() -> None:
    stated = {
        (one["task"], one["part"], one["kind"], one["left"], one["right"]): one for one in PUBLISHED["statements"]
    }
    compared = 0
    for claim in PUBLISHED["claims"]:
        key = (claim["task"], claim["part"], claim["kind"], claim["strategy"], claim["against"])
        if one := stated.get(key):
            compared += 1
            assert claim["value"] == pytest.approx(100 * one["difference"], abs=0.01)
        assert claim["holds"] is not (
            (claim["least"] is not None and claim["value"] < claim["least"])
            or (claim["most"] is not None and claim["value"] > claim["most"])
        )
    assert compared > 40


ARMS = (
    "baseline", "majority-vote:samples=4", "best-of-n:samples=4,scorer=good", "best-of-n:samples=4,scorer=useless",
    "adaptive-consistency:cap=4", "short-m-at-k:m=2,k=4", "picsar:samples=4", "budget-forcing:extensions=2",
)  # fmt: skip


@pytest.fixture(scope="module")
def stated(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Statement]]:
    """What `compare` states of 120 problems of each task, from four samples of each."""
    out = tmp_path_factory.mktemp("claims") / "run"
    scorers = [option for option in PARTS["answers"] if option.startswith("--scorer")]
    arms = [f"--strategy={arm}" for arm in ARMS]
    done = forked.run(forked.MAIN, "run", f"--tasks={','.join(TASKS)}", "--limit=120", *arms, *scorers, f"--out={out}")
    assert done.returncode == 0, done.stderr
    statements = compare(series_of([read_run(out)])[0]).statements
    return {task: [one for one in statements if one.task == task] for task in TASKS}


def points_of(stated: Sequence[Statement], start: str, against: str, kind: Any = "last") -> tuple[float, float, float]:  # noqa: ANN401
    """The difference of the one strategy whose name starts so."""
    names = {name for one in stated for name in (one.left, one.right)}
    [name] = (name for name in names if name.startswith(start))
    [other] = (name for name in names if name.startswith(against))
    return difference(stated, name, other, kind)


@pytest.mark.slow
@pytest.mark.xdist_group("shelf claims")
def test_best_of_n_beats_the_vote_at_equal_tokens_with_a_good_scorer_and_with_a_useless_one_not_even_a_sample(
    stated: dict[str, list[Statement]],
) -> None:
    told = stated["pocket_arithmetic"]
    good, useless = ("best-of-n:" + rest for rest in ("samples=4,scorer=good", "samples=4,scorer=useless"))
    assert points_of(told, good, "majority-vote", "matched")[1] > 0
    assert points_of(told, good, "baseline")[1] > 20
    assert points_of(told, useless, "baseline")[1] < 0
    assert points_of(told, useless, "majority-vote", "matched")[2] < 0


@pytest.mark.slow
@pytest.mark.xdist_group("shelf claims")
def test_nothing_moves_the_flat_task_but_a_scorer_that_knows_the_truth(stated: dict[str, list[Statement]]) -> None:
    told = stated["pocket_flat"]
    gains = {one.left: one for one in told if one.kind == "last" and one.right == "baseline"}
    knowing = [name for name in gains if name.endswith("scorer=good")]
    assert len(gains) == len(ARMS) - 1
    assert len(knowing) == 1
    assert gains[knowing[0]].low > 0.1
    assert [name for name, one in gains.items() if one.low > 0.03] == knowing
