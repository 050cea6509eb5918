"""Claim: kill -9 at any moment, and the same command goes on: the same bytes for every verb, no token made twice."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests import forked
from tests.killed import counts, kept, stored
from tests.runs.killable import FILES, write_problems

CODE = """
import time
from tts_bench.cli.main import main
from tts_bench.conformance.stage import teller
from tts_bench.engines.scripted import SCRIPTS


def slow(text, draw):
    time.sleep(0.004)
    return teller(text, draw)


if __name__ == "__main__":
    SCRIPTS["slow"] = slow
    main()
"""
STRATEGY = f"{Path(__file__).with_name('every_verb.py')}:EveryVerb"
POINTS = (3, 40, 41, 90, 150)  # generations in the store when the run is killed


@pytest.mark.slow
def test_kill_9_and_the_same_command_give_the_same_bytes_for_every_verb(tmp_path: Path) -> None:
    data = write_problems(tmp_path / "data", 8)
    command = ["run", "--engine", "scripted", "--model", "slow", "--data-dir", str(data), "--tasks", "gsm8k"]
    command += ["--strategy", STRATEGY, "--strategy", "majority-vote:samples=3", "--in-flight", "3", "--out"]

    def program(out: Path) -> forked.Program:
        return forked.Program(CODE, *command, out, cwd=tmp_path)

    whole, out = tmp_path / "whole" / "run", tmp_path / "killed" / "run"
    assert program(whole).wait().returncode == 0
    store, killed = out.parent / "generations.sqlite", 0
    for point in POINTS:
        run = program(out)
        while run.returncode is None and stored(store) < point:
            time.sleep(0.005)
        killed += run.returncode is None
        run.kill()
    assert killed > 2
    held = _tokens(store)
    assert program(out).wait().returncode == 0
    for name in FILES:
        assert (out / name).read_bytes() == (whole / name).read_bytes(), name
    assert b'"error":null' in (out / "records.jsonl").read_bytes()
    assert kept(store) == kept(whole.parent / "generations.sqlite")
    assert held + counts(out)["made"] == counts(whole)["made"] == _tokens(store)
    assert program(out).wait().returncode == 0
    assert counts(out)["made"] == 0


def _tokens(store: Path) -> int:
    return sum(len(tokens) // 8 for tokens in kept(store).values())
