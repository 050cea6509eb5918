"""What tests of the leaderboard share: the fixture's run, which the harness made, and entries with chosen scores."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.analysis.run_folders import FIXTURES
from tts_bench.analysis.curve import write_curve
from tts_bench.analysis.points import points
from tts_bench.analysis.runs import read_header, read_records
from tts_bench.cli.main import parses
from tts_bench.present.leaderboard.board import Board
from tts_bench.present.leaderboard.entry import Entry
from tts_bench.present.leaderboard.recompute import complete, packed, per_problem

Header = dict[str, Any]


def run_folder(folder: Path, change: Callable[[Header], object] | None = None) -> Path:
    """A finished run of three strategies on three problems; `change` may alter its run.json in place."""
    folder.mkdir(parents=True)
    header = json.loads((FIXTURES / "run-schema-2" / "run.json").read_text("utf-8"))
    records = (FIXTURES / "run-schema-2" / "records.jsonl").read_bytes()
    (folder / "records.jsonl").write_bytes(records)
    (folder / "run.json").write_text(json.dumps(header))
    curve = points(read_records(folder, read_header(folder)), metrics=header["metrics"])
    write_curve(folder / "curve.json", curve, {})
    if change:
        change(header)
        (folder / "run.json").write_text(json.dumps(header))
    return folder


def other_seed(header: Header) -> None:
    header["identity"]["seed"] = header["seed"] = 1


def second_run(folder: Path) -> Path:
    """A run with another seed, and with other records: the first problem's thinking is called otherwise."""
    run_folder(folder, other_seed)
    path = folder / "records.jsonl"
    path.write_text(path.read_text("utf-8").replace('"text":"', '"text":"Well. ', 1), "utf-8")
    return folder


def edit(name: str, old: str, new: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        [path] = list(folder.glob(name))[:1]
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), "utf-8")

    return change


def content(
    lines: dict[str, Sequence[float]], *, label: str | None = None, seed: int = 0, **task: str
) -> dict[str, Any]:
    """What an entry is made from: one rung for each of `lines`, whose scores are given, problem by problem."""
    problems = len(next(iter(lines.values())))
    zeros = dict.fromkeys((row.name for row in per_problem()), packed([0.0] * problems)) | {
        "generated": packed([100.0] * problems)
    }
    strategies = {
        name: {
            "label": label or name,
            "source": "made up",
            "rungs": {"only": {"problems": {"score": packed(map(float, scores)), **zeros}}},
        }
        for name, scores in lines.items()
    }
    part = {"metric": "strict", "data": "d" * 64, "prompts": "e" * 64, "problems": problems, "strategies": strategies}
    return {
        "format": 1,
        "model": {"name": "made-up", "fingerprint": "f" * 64, "source": "nowhere", "parameters": 1, "notes": []},
        "run": {
            "command": "tts-bench run",
            "identity": f"{seed:064x}",
            "records": f"{seed:064x}",
            "seed": seed,
            "limit": None,
            "thinking_format": "think-tags",
            "thinking_format_sha256": "a" * 64,
            "system": None,
            "max_thinking_tokens": 10,
            "max_answer_tokens": 10,
            "sampling": {"thinking": {"temperature": 1.0}},
            "engine": {"engine": "scripted"},
            "versions": {"tts-bench": "0"},
        },
        "tasks": {"sums": part | task},
    }


def entry(lines: dict[str, Sequence[float]], **options: Any) -> Entry:
    return Entry.model_validate(complete(content(lines, **options)))


def made(folder: Path) -> Path:
    """A leaderboard with two entries."""
    runs = [run_folder(folder / "runs" / "a"), second_run(folder / "runs" / "b")]
    for run in runs:
        Board(folder / "board", parses).add(run)
    Board(folder / "board", parses).build()
    return folder / "board"


def findings(folder: Path, *runs: Path) -> list[str]:
    return list(map(str, Board(folder, parses).check(list(runs))[1]))
