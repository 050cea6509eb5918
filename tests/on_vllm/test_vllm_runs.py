"""Whole runs on vLLM: scores beside those of hf, and kill -9 with the same command again. `make test-vllm`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from tests.killed import counts, stored
from tts_bench.analysis.bootstrap import difference_interval, resampled_means
from tts_bench.runs.folder import STORE

pytest.importorskip("vllm")
pytestmark = pytest.mark.slow

MAIN = "from tts_bench.cli.main import main; main()"
PROBLEMS = 60
VLLM = ("--engine", "vllm", "--vllm", "enforce_eager=true,kv_cache_memory_bytes=500000000", "--rows", "16")


def command(model: Path, out: Path, *more: str) -> list[str]:
    strategies = ("--strategy", "baseline", "--strategy", "budget-forcing:extensions=2")
    what = ("--model", str(model), "--tasks", "pocket_arithmetic", "--limit", str(PROBLEMS), *strategies)
    how = ("--dtype", "float32", "--threads", "1", "--temperature", "1", "--max-answer-tokens", "24")
    return [sys.executable, "-c", MAIN, "run", "--out", str(out), *what, *how, *more]


def finish(arguments: list[str]) -> None:
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr[-3000:]


def records(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "records.jsonl").read_text("utf-8").splitlines()]


@pytest.fixture(scope="module")
def undisturbed(pocket: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("undisturbed") / "run"
    finish(command(pocket, out, *VLLM))
    return out


def test_score_differences_from_hf_are_inside_their_paired_interval(
    pocket: Path, undisturbed: Path, tmp_path: Path
) -> None:
    finish(command(pocket, tmp_path / "run", "--engine", "hf", "--device", "cpu"))
    metric = json.loads((undisturbed / "run.json").read_text("utf-8"))["metrics"]["pocket_arithmetic"]
    pairs = list(zip(records(undisturbed), records(tmp_path / "run"), strict=True))
    assert [(one["problem"], one["strategy"]) for one, _ in pairs] == [(o["problem"], o["strategy"]) for _, o in pairs]
    for strategy, rungs in (("baseline", 1), ("budget-forcing", 3)):
        mine = [(one["answers"], other["answers"]) for one, other in pairs if one["strategy"].startswith(strategy)]
        for rung in range(rungs):
            scores = np.array([[each[rung]["scores"][metric] for each in pair] for pair in mine], dtype=np.float64)
            differences = scores[:, :1] - scores[:, 1:]
            means = resampled_means(differences, 2000, np.random.default_rng(0))[:, 0]
            low, high = difference_interval(means, differences[:, 0])
            print(f"{strategy} {rung}: {scores.mean(axis=0)}, {differences.mean():+.3f} [{low:.3f}, {high:.3f}]")
            assert len(differences) == PROBLEMS
            assert low <= 0 <= high


def test_kill_9_and_the_same_command_again_change_nothing_and_make_nothing_twice(
    pocket: Path, undisturbed: Path, tmp_path: Path
) -> None:
    out, arguments = tmp_path / "run", command(pocket, tmp_path / "run", *VLLM)
    child = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    waited = time.monotonic() + 600
    while stored(tmp_path / STORE) < 40 and child.poll() is None and time.monotonic() < waited:
        time.sleep(0.02)
    family = psutil.Process(child.pid).children(recursive=True)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    assert len(family) >= 2
    _, left = psutil.wait_procs(family, timeout=60)
    assert left == []  # vLLM's processes end with the one that started them
    kept = stored(tmp_path / STORE)
    assert kept >= 40
    finish(arguments)
    assert records(out) == records(undisturbed)
    again, whole = counts(out), counts(undisturbed)
    assert again["engine_calls"] <= whole["engine_calls"] - kept
    assert again["made"] < whole["made"]
