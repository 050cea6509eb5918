"""No answer hangs, stalls or breaks the scorer, whatever a model writes, and its verdict is the same each time."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.tasks.corpus import read
from tests.tasks.hostile import written

CASES = read("hostile.jsonl")
SECONDS = 2.0  # of CPU time for one call: most take less than a hundredth of that
ROOT = Path(__file__).parents[2]

Runs = tuple[list[dict[str, Any]], list[dict[str, Any]]]


@pytest.fixture(scope="module")
def runs() -> Iterator[Runs]:
    """What two processes printed, one of which scored the answers backwards, with another hash seed."""
    started = []
    for seed, order in enumerate(("forwards", "backwards")):
        command = [sys.executable, "-m", "tests.tasks.hostile", order]
        environment = {**os.environ, "PYTHONHASHSEED": str(seed)}
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment))
    try:
        yield _lines(started[0]), _lines(started[1])
    finally:
        for process in started:
            process.kill()
            process.communicate()


def _lines(process: subprocess.Popen[str]) -> list[dict[str, Any]]:
    try:
        output, _ = process.communicate(timeout=120)
    except subprocess.TimeoutExpired as stuck:
        last = [line for line in (stuck.output or b"").decode().splitlines() if "started" in line][-1]
        pytest.fail(f"this answer never ended: {CASES[json.loads(last)['started']]}")
    return [json.loads(line) for line in output.splitlines()]


def _found(lines: list[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    return {line["number"]: line for line in lines if "number" in line}


def test_every_hostile_answer_ends_soon_as_gold_and_as_answer_for_score_and_vote(runs: Runs) -> None:
    assert len(CASES) >= 60
    for lines in runs:
        found = _found(lines)
        assert len(found) == len(CASES)
        late = [(CASES[number], line["seconds"]) for number, line in found.items() if line["seconds"] > SECONDS]
        assert late == []


def test_a_second_run_in_another_order_gives_the_same_verdicts(runs: Runs) -> None:
    first, second = map(_found, runs)
    assert [CASES[number] for number in first if first[number]["found"] != second[number]["found"]] == []


def test_no_hostile_answer_is_right_and_none_is_a_truth_value(runs: Runs) -> None:
    for number, line in _found(runs[0]).items():
        vote, unboxed, _, *verdicts, _, _ = line["found"]  # equal to itself it may be
        assert verdicts == [False] * len(verdicts), CASES[number]
        assert unboxed is None or "boxed" in str(CASES[number]["answer"])
        assert vote not in ("True", "False", "true", "false", "", "zoo")


def test_no_process_and_no_thread_is_left_over_and_no_algebra_system_was_asked(runs: Runs) -> None:
    """What sympy swallows no limit of ours survives; math-verify took E_1 for Euler's e, and letters for units."""
    assert [lines[-1] for lines in runs] == [{"children": [], "threads": 1, "algebra": []}] * 2


@pytest.mark.parametrize(
    "kind",
    [
        r"\^\{?\d+\^\{?\d+\^",  # towers
        r"\\sum_\{n=1\}\^\{10\^\{12\}\} n\^\{n\}$",
        r"\\prod_\{n=1\}\^\{10\^9\} n$",
        r"\\int",
        r"\\lim",
        r"(\\log\(){4}",
        r"(1&){800}|matrix\}\^\{9999\}",  # huge matrices
        r"1{100000}",
        r"\{{5000}",
        r"^\\sum$",
        r"(f\(){4}|(\\frac\{1\}\{){60}",  # recursion
    ],
)
def test_the_corpus_of_hostile_answers_holds_every_kind(kind: str) -> None:
    assert any(re.search(kind, written(case["answer"])) for case in CASES)
