"""The token that comes with the package: it is of the model that comes with it, and it is worth something."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tts_bench import models
from tts_bench.analysis.runs import read_run
from tts_bench.cli import main as root
from tts_bench.tokens import find, tokenfile


def test_a_token_is_shipped_for_the_pocket_model_with_its_training() -> None:
    fingerprint = models.resolve("pocket").fingerprint
    token = find.shipped_for(fingerprint)
    assert token is not None, "the pocket model was replaced: train its token again, docs/learned-token.md says how"
    card = tokenfile.load_card(find.shipped()[fingerprint])
    log = [json.loads(line) for line in (find.shipped()[fingerprint] / "log.jsonl").read_text("utf-8").splitlines()]
    assert [line["step"] for line in log] == list(range(card.training["steps"] + 1))
    assert card.training["curve"][-1]["accuracy"] == log[-1]["accuracy"]


@pytest.mark.slow
def test_the_shipped_token_beats_wait_by_fifteen_points_without_naming_it(tmp_path: Path) -> None:
    common = "run --model pocket --tasks pocket_arithmetic --limit 250 --threads 1 --rows 64 --in-flight 64"
    arms = "--strategy learned-token:extensions=1 --strategy budget-forcing:extensions=1"
    assert root._run([*common.split(), *arms.split(), "--out", str(tmp_path / "run")]) == 0
    [lines] = read_run(tmp_path / "run").grids.values()
    learned, word = (lines[next(name for name in lines if name.startswith(kind))] for kind in ("learned", "budget"))
    assert (learned.score[:, 0] == word.score[:, 0]).all()
    assert learned.score[:, 1].mean() - word.score[:, 1].mean() >= 0.15
