"""Whole runs on a real llama-server, and one whose server is killed. `make test-llama`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.killed import counts, kept, stored
from tests.on_llama.conftest import SLOTS, Live, Serve
from tts_bench.records import Record, from_line
from tts_bench.runs.folder import STORE

pytestmark = pytest.mark.slow
MAIN = "from tts_bench.cli.main import main; main()"
ROOT = Path(__file__).parents[2]
ARMS = ("baseline:budgets=16+40", "budget-forcing:extensions=1,budget=40", "majority-vote:samples=3,budget=40")


def command(live: Live, tokenizer: Path, out: Path, *arms: str, problems: int = 2) -> list[str]:
    where = ("--engine", "openai", "--base-url", live.url, "--model", live.name, "--tokenizer", str(tokenizer))
    what = ("--tasks", "gsm8k", "--limit", str(problems), "--max-thinking-tokens", "40", "--max-answer-tokens", "12")
    how = (
        "--temperature",
        "0.8",
        "--top-p",
        "0.95",
        "--rows",
        str(SLOTS),
        "--in-flight",
        "2",
        "--request-timeout",
        "60",
    )
    chosen = [part for arm in arms for part in ("--strategy", arm)]
    return [sys.executable, "-c", MAIN, "run", "--out", str(out), *where, *what, *how, *chosen]


def start(arguments: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        arguments,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    said, _ = process.communicate(timeout=600)
    return process.returncode, said


def records(out: Path) -> list[Record]:
    return [from_line(line) for line in (out / "records.jsonl").read_text("utf-8").splitlines()]


def test_a_run_has_three_strategies_whose_budgets_and_bills_hold(
    smollm2_server: Live, smollm2: Path, tmp_path: Path
) -> None:
    status, said = finish(start(command(smollm2_server, smollm2, tmp_path / "run", *ARMS)))
    assert status == 0, said
    assert "not exact: completions endpoint; honours token-id prompts" in " ".join(said.split())
    found = records(tmp_path / "run")
    assert len(found) == 2 * len(ARMS)
    assert not any(record.error for record in found)
    facts = json.loads((tmp_path / "run/run.json").read_text("utf-8"))
    assert facts["engine"]["identity"]["told_ids"] == "token_ids"
    for record in found:
        assert [answer.rung for answer in record.answers]
        thoughts = [segment for segment in record.segments if segment.kind == "thinking"]
        assert thoughts
        assert all(segment.tokens <= 40 for segment in thoughts)
        if record.strategy.startswith("baseline"):
            assert record.answers[0].cost.thinking <= 16
        if record.strategy.startswith("majority-vote"):
            assert len({segment.stream for segment in thoughts}) == 3
        if record.strategy.startswith("budget-forcing"):
            assert record.answers[-1].cues in (0, 1)


def test_a_learned_token_is_refused_before_the_run(smollm2_server: Live, smollm2: Path, tmp_path: Path) -> None:
    status, said = finish(start(command(smollm2_server, smollm2, tmp_path / "run", "learned-token")))
    assert status == 2, said
    assert "learned" in said
    assert "--engine hf" in said
    assert not (tmp_path / "run/records.jsonl").exists()


def test_a_server_killed_in_a_run_is_errors_and_no_wrong_answers_and_the_same_command_resumes(
    serve: Serve, gguf: Path, smollm2: Path, tmp_path: Path
) -> None:
    out, problems = tmp_path / "run", 6
    with serve(gguf, "smollm2") as live:
        port = int(live.url.split(":")[2].removesuffix("/v1"))
        arguments = command(live, smollm2, out, ARMS[0], ARMS[2], problems=problems)
        process = start(arguments)
        until = time.monotonic() + 200
        while stored(tmp_path / STORE) < 20 and process.poll() is None and time.monotonic() < until:
            time.sleep(0.02)
        assert process.poll() is None
        live.kill()
        status, said = finish(process)
    assert status == 1, said
    broken, before = records(out), kept(tmp_path / STORE)
    failed = [record for record in broken if record.error]
    print(f"{len(before)} generations and {len(broken) - len(failed)} of {len(broken)} records were finished")
    assert len(before) >= 20
    assert 0 < len(failed) < len(broken)
    assert {record.error.kind for record in failed if record.error} == {"engine"}
    with serve(gguf, "smollm2", port=port):
        status, said = finish(start(arguments))
    assert status == 0, said
    whole = records(out)
    assert not any(record.error for record in whole)
    assert len(whole) == 2 * problems
    for half, done in zip(broken, whole, strict=True):
        assert (half.key, half.strategy) == (done.key, done.strategy)
        told = [(answer.rung, answer.text, answer.cost) for answer in half.answers]
        assert told == [(answer.rung, answer.text, answer.cost) for answer in done.answers][: len(told)]
    after = kept(tmp_path / STORE)
    assert all(after[key].startswith(tokens) for key, tokens in before.items())
    # Each token that was sampled anew is one that was not there: nothing finished is asked for twice.
    assert _tokens(after) - _tokens(before) == counts(out)["made"]
    print(f"{_tokens(before)} of {_tokens(after)} tokens were there, {counts(out)['made']} were made after the restart")


def _tokens(generations: dict[bytes, bytes]) -> int:
    return sum(map(len, generations.values())) // 8
