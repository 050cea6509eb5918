"""Claims about paths that nobody can use: each verb says so in one message, exits with 2 and writes nothing."""

# ruff: noqa: F811 - fixtures are imported by name
from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.refusals import SMALL, check_message, contents, place, rows, write_data  # noqa: F401 - fixtures
from tests.unprivileged import unprivileged
from tts_bench.cli import main as root

LONG = "x" * 256
KINDS = ("closed", "loop", LONG)
READ = [
    ["compare", "{}/r"],
    ["report", "{}/r"],
    ["plot", "{}/r"],
    ["curves", "{}/r"],
    ["watch", "{}/r"],
    ["export", "{}/r"],
    ["export", "{}/r", "--to", "latex"],
    ["track", "{}/r", "--to", "mlflow"],
    ["push", "{}/r", "--to", "me/mine", "--dry-run"],
    ["leaderboard", "add", "{}/r"],
    ["leaderboard", "check", "--folder", "{}/r"],
    ["study", "run", "{}/s.toml"],
    ["study", "status", "{}/s.toml"],
    ["study", "report", "{}/s"],
    ["token", "show", "{}/t"],
    ["strategies", "check", "{}/p.py:Mine"],
    ["tasks", "check", "{}/t.yaml"],
    ["models", "show", "{}/m"],
    ["run", *SMALL, "--config", "{}/c.toml"],
    ["run", *SMALL, "--tasks", "{}/t.yaml"],
    ["run", *SMALL, "--strategy", "{}/p.py:Mine"],
    ["run", *SMALL, "--strategy", "learned-token:token={}/t"],
    ["run", *SMALL, "--store", "{}/s.sqlite"],
    ["import", "{}/o.jsonl", "--task", "gsm8k", "--model", "m", "--data-dir", "data"],
]
WRITTEN = [
    ["run", *SMALL[:2], *SMALL[4:], "--out", "{}/r"],
    ["compare", "runs/mine", "--out", "{}/c.json"],
    ["report", "runs/mine", "--out", "{}/r.html"],
    ["plot", "runs/mine", "--out", "{}/p.png"],
    ["plot", "runs/mine", "--out", "{}/p.tex"],
    ["curves", "runs/mine", "--out", "{}/c.json"],
    ["export", "runs/mine", "--out", "{}/e.csv"],
    ["export", "--codebook", "--out", "{}/e.txt"],
    ["export", "runs/mine", "--to", "inspect", "--out", "{}/i"],
    ["study", "new", "{}/s.toml"],
]


@pytest.fixture
def places(place: Path) -> Iterator[Path]:
    """A run, a folder that nobody may enter, and a link to itself."""
    write_data(rows())
    assert root._run(["run", *SMALL, "--strategy", "majority-vote:samples=2", "-q"]) == 0
    Path("closed").mkdir(mode=0)
    Path("loop").symlink_to("loop")
    with unprivileged():
        yield place
    Path("closed").chmod(0o700)


def named(words: list[str]) -> str:
    return " ".join(words[:2]).replace("{}", "P") + "".join(f" {word}" for word in words if word.startswith("--"))


@pytest.mark.parametrize("kind", KINDS, ids=["closed", "loop", "long"])
@pytest.mark.parametrize("words", [*READ, *WRITTEN], ids=named)
def test_a_path_that_nobody_can_use_is_one_message(
    places: Path, capsys: pytest.CaptureFixture[str], words: list[str], kind: str
) -> None:
    before = contents(Path("runs"))
    there = sorted(os.listdir())
    capsys.readouterr()
    assert root._run([word.replace("{}", kind) for word in words]) == 2
    check_message(capsys.readouterr().err)
    assert contents(Path("runs")) == before
    assert sorted(os.listdir()) == there
