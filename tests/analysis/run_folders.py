"""Finished runs made up for the tests of the analysis: a header that fits, and the records given."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from tts_bench.records import Record, to_line

FIXTURES = Path(__file__).parents[1] / "fixtures"


def write_run(folder: Path, records: Iterable[Record], *, status: str = "finished", **identity: object) -> Path:
    """`identity` replaces parts of what the records depend on."""
    kept = list(records)
    tasks = list(dict.fromkeys(record.task for record in kept)) or ["gsm8k"]
    strategies = list(dict.fromkeys(record.strategy for record in kept)) or ["baseline"]
    header = {
        "schema": 1,
        "status": status,
        "identity": {
            "strategies": strategies,
            "tasks": tasks,
            "data": dict.fromkeys(tasks, "d" * 64),
            "model": "a" * 64,
            "thinking_format": {"name": "think-tags", "start": "<think>", "end": "</think>"},
            "system": None,
            "seed": 0,
            **identity,
        },
        "model": {"name": "made-up"},
        "metrics": dict.fromkeys(tasks, "exact_match"),
        "labels": {name: name.partition(":")[0] for name in strategies},
        "hardware": {"processor": "an abacus"},
        "timing": {"engine_seconds": 50.0, "tokens": {"made": 1000}},
    }
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps(header))
    (folder / "records.jsonl").write_text("".join(map(to_line, kept)))
    return folder
