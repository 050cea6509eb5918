"""Answers with the verdicts that a careful mathematician gives them, one JSON object a line, each with its reason.

`answers.jsonl` was written for this project, by kind; `scoring.jsonl` follows faults that were reported. Their
verdicts are claims about mathematics and notation, not copies of what the scorer said: where it disagrees, one of the
two is wrong.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tts_bench.tasks.catalog import describe
from tts_bench.tasks.scoring import Kind, lenient, strict

HERE = Path(__file__).parent
Case = dict[str, Any]


def read(name: str) -> list[Case]:
    """All cases of a file beside this one."""
    return [json.loads(line) for line in (HERE / name).read_text("utf-8").splitlines()]


def kind_of(task: str) -> Kind:
    """What the lenient metric reads at the end of a response to this task."""
    return "number" if "question" in describe(task).columns else "expression"


def verdicts(case: Case) -> tuple[bool, bool]:
    """The scorer's strict and lenient verdict on a case."""
    gold, output = case["gold"], case["output"]
    return strict(gold, output), lenient(gold, output, kind_of(case["task"]))


def wrong(cases: list[Case]) -> list[Case]:
    """The cases whose verdicts are not those expected, with the verdicts found."""
    tried = [{**case, "found": verdicts(case)} for case in cases]
    return [case for case in tried if case["found"] != (case["strict"], case["lenient"])]
