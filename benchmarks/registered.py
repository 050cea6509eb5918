"""The tables of a study's page, from the files that `tts-bench study report` writes: table.csv and comparisons.json.

python -m benchmarks.registered docs/studies/2026-real
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

RUNGS = ("1", "2", "4", "8")  # rungs of a vote to show


def accuracies(lines: Iterable[dict[str, str]]) -> list[str]:
    """One row per model, task, strategy and rung."""
    heads = ["part", "strategy", "rung", "accuracy", "95%", "tokens", "spent", "cut", "no answer"]
    found = [_row(heads), _row(["---", "---", "---", *["--:"] * 6])]
    for line in lines:
        if line["strategy"].startswith(("majority-vote", "self-certainty")) and line["rung"] not in RUNGS:
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


def _percent(share: str) -> str:
    return f"{100 * float(share):.1f}"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def tables(folder: Path) -> list[str]:
    with (folder / "table.csv").open(encoding="utf-8", newline="") as file:
        first = accuracies(csv.DictReader(file))
    found = json.loads((folder / "comparisons.json").read_text("utf-8"))
    return ["\n".join(first), "\n".join(differences(found))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    print("\n\n".join(tables(parser.parse_args().folder)))


if __name__ == "__main__":
    main()
