"""The tables of a study's page, from the files beside it.

    python -m benchmarks.registered docs/studies/2026-real --records runs/2026-real/parts/*
    python -m benchmarks.registered docs/studies/2026-real

`tts-bench study report` writes table.csv and comparisons.json. The first command writes records.json: how answers
change after a cue, and where a weighted vote differs from a plain one. The second prints the tables.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.changes import changes, ties
from tts_bench.analysis.runs import read_records, read_run
from tts_bench.records import Record

RUNGS = ("1", "2", "4", "8")  # rungs of a vote to show
RECORDED = "records.json"
VOTE, WEIGHTED = "majority-vote", "self-certainty"
VOTES = (VOTE, WEIGHTED, "chain-of-draft")
LOOKS_AGAIN = ("budget-forcing", "think-twice")


def accuracies(lines: Iterable[dict[str, str]]) -> list[str]:
    """One row per model, task, strategy and rung."""
    heads = ["part", "strategy", "rung", "accuracy", "95%", "tokens", "spent", "cut", "no answer"]
    found = [_row(heads), _row(["---", "---", "---", *["--:"] * 6])]
    for line in lines:
        if line["strategy"].startswith(VOTES) and line["rung"] not in RUNGS:
            continue
        interval = f"{_percent(line['low'])} to {_percent(line['high'])}"
        costs = [f"{float(line[name]):,.0f}" if line[name] else "" for name in ("generated", "spent")]
        flags = [f"{float(line[name]):.0%}" for name in ("truncated", "no_answer")]
        place = [line["model"], f"`{line['strategy']}`", line["rung"]]
        found.append(_row([*place, _percent(line["accuracy"]), interval, *costs, *flags]))
    return found


def differences(found: dict[str, Any]) -> list[str]:
    """One row per comparison that the study names, on each of its parts."""
    heads = [
        "comparison",
        "task",
        "points",
        "95%",
        "p, by Holm",
        "detectable",
        "better, worse",
        "tokens, of the other's",
    ]
    lines = [_row(heads), _row(["---", "---", *["--:"] * 6])]
    for name, said in zip(found["names"], found["statements"], strict=True):
        points, low, high = (100 * said[name] for name in ("difference", "low", "high"))
        detectable = "" if said["detectable"] is None else f"{100 * said['detectable']:.1f}"
        cells = [f"{points:+.1f}", f"{low:+.1f} to {high:+.1f}", f"{said['adjusted']:.3f}", detectable]
        counts = [f"{said['better']}, {said['worse']}", f"{said['ratio']:.2f}"]
        lines.append(_row([f"`{name}`", said["task"], *cells, *counts]))
    return lines


def recorded(runs: Iterable[Path]) -> dict[str, Any]:
    """By part and task: changes of answers by strategy and rung, and ties of the votes."""
    found: dict[str, Any] = {}
    for run in runs:
        data = read_run(run)
        for task, metric in data.header["metrics"].items():
            by_label: dict[str, list[Record]] = defaultdict(list)
            for record in read_records(run, data.header):
                if record.task == task:
                    by_label[data.label(record.strategy)].append(record)
            named = {data.label(strategy): grid for strategy, grid in data.grids[task].items()}
            [vote], [other] = ([name for name in named if name.startswith(kind)] for kind in (VOTE, WEIGHTED))
            found[f"{run.name.rpartition('-')[0]}, {task}"] = {
                "changes": {
                    name: {rung: vars(one) for rung, one in changes(by_label[name], metric).items()}
                    for name in named
                    if name.startswith(LOOKS_AGAIN)
                },
                "ties": vars(ties(by_label[vote], named[vote], named[other])),
            }
    return found


def looks(found: dict[str, Any]) -> list[str]:
    """One row per part, strategy and rung: what became of the answers of the first rung."""
    heads = ["part", "strategy", "rung", "problems", "with all cues", "answer changed", "wrong to right"]
    lines = [_row([*heads, "right to wrong"]), _row([*["---"] * 3, *["--:"] * 5])]
    for part, held in found.items():
        for strategy, rungs in held["changes"].items():
            for rung, one in rungs.items():
                counts = [one[name] for name in ("problems", "cued", "changed", "gained", "lost")]
                counts[1] = counts[1] if strategy.startswith("budget-forcing") else ""
                lines.append(_row([part, f"`{strategy}`", rung, *map(str, counts)]))
    return lines


def tied(found: dict[str, Any]) -> list[str]:
    """One row per part: the difference between the weighted vote and the plain one, in points of all problems."""
    lines = [_row(["part", "problems", "tied", "points, on tied", "on others"]), _row(["---", *["--:"] * 4])]
    for part, held in found.items():
        one = held["ties"]
        points = [f"{100 * one[name] / one['problems']:+.1f}" for name in ("on_tied", "on_others")]
        lines.append(_row([part, str(one["problems"]), str(one["tied"]), *points]))
    return lines


def _percent(share: str) -> str:
    return f"{100 * float(share):.1f}"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def tables(folder: Path) -> list[str]:
    with (folder / "table.csv").open(encoding="utf-8", newline="") as file:
        first = accuracies(csv.DictReader(file))
    found, more = (json.loads((folder / name).read_text("utf-8")) for name in ("comparisons.json", RECORDED))
    return ["\n".join(lines) for lines in (differences(found), first, looks(more), tied(more))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--records", nargs="+", type=Path, metavar="RUN", help="write records.json from these runs")
    options = parser.parse_args()
    if options.records:
        text = json.dumps(recorded(options.records), indent=1)
        (options.folder / RECORDED).write_text(f"{text}\n", "utf-8")
    else:
        print("\n\n".join(tables(options.folder)))


if __name__ == "__main__":
    main()
