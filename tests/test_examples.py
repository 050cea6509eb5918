"""The example package, installed as anyone's: its strategy is found by name, keeps the contract, and saves tokens."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.environment import fresh

EXAMPLE = Path(__file__).parents[1] / "examples" / "adaptive-consistency"


@pytest.mark.slow
def test_an_installed_package_is_found_checked_tested_and_run_by_its_name(tmp_path: Path, door: Path) -> None:
    environment = fresh(tmp_path / "venv", door)
    shutil.copytree(EXAMPLE, tmp_path / "package", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info", "build"))

    def run(*command: str, cwd: Path = tmp_path) -> str:
        done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert "adaptive-vote" not in run("tts-bench", "strategies")
    run("pip", "install", "./package")
    shown = run("tts-bench", "strategies", "adaptive-vote")
    assert "from tts-bench-adaptive-consistency 0.1.0" in shown
    assert "13 of 13 claims hold" in run("tts-bench", "strategies", "check", "adaptive-vote:samples=8")
    assert "32 passed" in run("python", "-m", "pytest", "-q", cwd=tmp_path / "package")
    arms = [f"--strategy={name}:samples=8" for name in ("majority-vote", "adaptive-vote")]
    run("tts-bench", "run", "--engine", "scripted", "--limit", "40", "--out", "runs/x", *arms)
    records = [json.loads(line) for line in (tmp_path / "runs/x/records.jsonl").read_text().splitlines()]
    spent = dict.fromkeys(arms, 0)
    for record in (record for record in records if "strategy" in record):
        assert record["error"] is None
        arm = next(arm for arm in arms if record["strategy"].split(":")[0] in arm)
        spent[arm] += record["answers"][-1]["cost"]["thinking"]
    assert 0 < spent[arms[1]] < spent[arms[0]]
