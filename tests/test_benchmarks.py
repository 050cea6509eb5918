"""What the benchmarks claim as a count is a test, on the scripted engine."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest

from benchmarks import sweep
from tests.scripts import rambler
from tts_bench.config import ModelConfig, RunConfig
from tts_bench.engines.scripted import SCRIPTS


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunConfig:
    """The four strategies on six problems, with thoughts that run into budgets and thoughts that end by themselves."""
    monkeypatch.setitem(SCRIPTS, "rambler", rambler)
    data = tmp_path / "data" / "gsm8k"
    data.mkdir(parents=True)
    rows = [{"question": f"Ann has {n} apples and gets 2 more. How many?", "answer": f"#### {n + 2}"} for n in range(6)]
    (data / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    fingerprint = sha256(b"rambler").hexdigest()
    token = sweep.save_token(tmp_path / "token", [0.5], model="rambler", fingerprint=fingerprint)
    model = ModelConfig(model="rambler", engine="scripted", max_thinking_tokens=300, max_answer_tokens=16)
    return RunConfig(model, ("gsm8k",), sweep.strategies(token), data_dir=data.parent)


def test_a_sweep_of_the_four_strategies_generates_only_what_its_records_need(config: RunConfig, tmp_path: Path) -> None:
    together, alone = sweep.compare(config, tmp_path / "runs")
    assert together.errors == 0
    assert together.cues > 12  # of two strategies on six problems
    assert together.needed <= together.made <= sweep.ALLOWED * together.needed
    assert sum(spent.made for spent in alone.values()) > 1.2 * together.made  # there was something to share
    assert len(alone) == 4
    assert "the sweep" in sweep.table(together, alone)
