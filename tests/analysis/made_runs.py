"""Folders of runs for the tests of what reads them: solved by the scripted engine, scored by a rule."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.scripts import World, rambler
from tts_bench import registry
from tts_bench.records import ErrorRecord, Record, to_line

SPECS = ("baseline:budgets=16+48+96", "budget-forcing:extensions=2,cue=Wait", "majority-vote:samples=4")


def solved(problems: int = 10, specs: Sequence[str] = SPECS) -> list[Record]:
    """Records of `specs`; with two metrics, of which the lenient one is right more often. One record is an error."""
    world = World(rambler, max_thinking=150)
    records = world.run(*specs, items=[world.item(doc, f"Problem {doc}") for doc in range(problems)])
    scored = [_scored(record) for record in records]
    scored[-1] = replace(scored[-1], answers=(), error=ErrorRecord("raised", "ValueError: no (mine.py:3)"))
    return scored


def _scored(record: Record) -> Record:
    gold = record.doc_id % 4 if record.doc_id % 3 else 7  # no answer is 7: some problems are never solved
    answers = tuple(
        replace(
            answer,
            scores={
                "strict": float(answer.extracted == str(gold)),
                "lenient": float(answer.extracted in (str(gold), str((gold + 1) % 4))),
            },
        )
        for answer in record.answers
    )
    return replace(record, answers=answers)


def write_run(folder: Path, records: Iterable[Record], **header: Any) -> Path:
    """The folder of a finished run."""
    folder.mkdir(parents=True)
    records = list(records)
    (folder / "records.jsonl").write_text("".join(map(to_line, records)), encoding="utf-8")
    ids = list(dict.fromkeys(record.strategy for record in records)) or ["baseline:"]
    labels = {built.id: built.label for built in registry.build_all(SPECS)}
    whole = {
        "schema": 1,
        "status": "finished",
        "identity": {"strategies": ids, "seed": 0, "data": {"sums": "cd" * 32}},
        "model": {"name": "rambler", "fingerprint": "ab" * 32, "context": 4096},
        "thinking_format": {"name": "think-tags", "mode": "delimited"},
        "data": {"sums": {"source": "made up", "sha256": "cd" * 32, "documents": 10}},
        "metrics": {"sums": "strict"},
        "labels": {name: labels.get(name, name) for name in ids},
        "command": "tts-bench run --engine scripted",
    } | header
    (folder / "run.json").write_text(json.dumps(whole), encoding="utf-8")
    return folder


def write_samples(folder: Path, task: str, golds: dict[int, str]) -> Path:
    """One rung's samples as lm-eval leaves them in a run's folder, with the right answers."""
    path = folder / "lm_eval" / "baseline" / "16" / f"samples_{task}.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text("".join(json.dumps({"doc_id": doc, "target": gold}) + "\n" for doc, gold in golds.items()))
    return path
