"""The tables of a study that was played in parts, from the folder of each part beside its page.

    python -m benchmarks.registered docs/studies/2026-real --played runs/2026-real
    python -m benchmarks.registered docs/studies/2026-real

The first command keeps what `tts-bench study report` has written of a part that was played: table.csv,
comparisons.json and the figure. It adds records.json: how answers change after a cue, and where a weighted vote
differs from a plain one. The second prints the tables; p-values are corrected over all parts that are there.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Any

from benchmarks.changes import changes, cut, ties
from tts_bench.analysis import paired
from tts_bench.analysis.runs import read_records, read_run
from tts_bench.records import Record

RUNGS = ("1", "2", "4", "8")  # rungs of a vote to show
TABLE, COMPARISONS, RECORDED = "table.csv", "comparisons.json", "records.json"
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


@dataclass(frozen=True)
class Difference:
    """A named comparison on one part, corrected over the comparisons of all parts."""

    part: str
    name: str
    said: Mapping[str, Any]  # as in comparisons.json
    adjusted: float
    detectable: float | None


def differences(folder: Path) -> list[Difference]:
    found = []
    for part in parts(folder):
        held = json.loads((folder / part / COMPARISONS).read_text("utf-8"))
        found += [(part, len(held["names"]), *each) for each in zip(held["names"], held["statements"], strict=True)]
    adjusted = paired.holm([said["p"] for *_, said in found])
    return [
        Difference(part, name, said, p, _detectable(said, before, len(found)))
        for (part, before, name, said), p in zip(found, adjusted, strict=True)
    ]


def _detectable(said: Mapping[str, Any], before: int, family: int) -> float | None:
    """The smallest gain that Holm's first step finds in a `family`; the file has that of the family of one part."""
    n = said["problems"]
    if said["test"].startswith("exact"):
        return paired.smallest_detectable(n, (said["better"] + said["worse"]) / n, alpha=0.05 / family)
    deviation = said["deviation"] if "deviation" in said else _deviation(said["detectable"], n, before)
    return paired.smallest_detectable_mean(n, deviation or 0.0, alpha=0.05 / family, most=1.0)


def _deviation(detectable: float, n: int, family: int) -> float:
    """The standard deviation over problems, which older files lack: they hold (z(1 - a/2) + z(0.8)) s / sqrt(n), a the
    level of Holm's first step, with n in the place of n - 1 in s.
    """
    normal = NormalDist()
    s = detectable * n**0.5 / (normal.inv_cdf(1 - 0.05 / family / 2) + normal.inv_cdf(0.8))
    return float(s * (n / (n - 1)) ** 0.5)


def compared(folder: Path) -> list[str]:
    """One row per comparison that the study names, on each of its parts."""
    heads = ["comparison", "part", "points", "95%", "p, by Holm", "detectable", "better, worse"]
    lines = [_row([*heads, "tokens, of the other's"]), _row(["---", "---", *["--:"] * 6])]
    for one in differences(folder):
        points, low, high = (100 * one.said[name] for name in ("difference", "low", "high"))
        detectable = "" if one.detectable is None else f"{100 * one.detectable:.1f}"
        cells = [f"{points:+.1f}", f"{low:+.1f} to {high:+.1f}", f"{one.adjusted:.3f}", detectable]
        counts = [f"{one.said['better']}, {one.said['worse']}", f"{one.said['ratio']:.2f}"]
        lines.append(_row([f"`{one.name}`", one.part, *cells, *counts]))
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
            [vote] = [name for name in named if name.startswith(VOTE)]
            weighted = [grid for name, grid in named.items() if name.startswith(WEIGHTED)]
            found[f"{run.name.rpartition('-')[0]}, {task}"] = {
                "changes": {
                    name: {rung: vars(one) for rung, one in changes(by_label[name], metric).items()}
                    for name in named
                    if name.startswith(LOOKS_AGAIN)
                },
                "cut": {
                    name: {rung: vars(one) for rung, one in cut(by_label[name]).items()}
                    for name in named
                    if not name.startswith(VOTES)  # of one trace each
                },
                **({"ties": vars(ties(by_label[vote], named[vote], weighted[0]))} if weighted else {}),
            }
    return found


def looks(found: dict[str, Any]) -> list[str]:
    """One row per part, strategy and rung: what became of the answers of the first rung.

    Parts whose records were read by an earlier version have no counts of uncut problems.
    """
    heads = ["part", "strategy", "rung", "problems", "with all cues", "answer changed", "wrong to right"]
    heads += ["right to wrong", "uncut", "wrong to right, uncut", "right to wrong, uncut"]
    lines = [_row(heads), _row([*["---"] * 3, *["--:"] * 8])]
    for part, held in found.items():
        for strategy, rungs in held["changes"].items():
            for rung, one in rungs.items():
                counts = [one[name] for name in ("problems", "cued", "changed", "gained", "lost")]
                counts[1] = counts[1] if strategy.startswith("budget-forcing") else ""
                counts += [one.get(name, "") for name in ("uncut", "uncut_gained", "uncut_lost")]
                lines.append(_row([part, f"`{strategy}`", rung, *map(str, counts)]))
    return lines


def endless(found: dict[str, Any]) -> list[str]:
    """One row per part, strategy and rung with a cut thought. Parts that were read by an earlier version have none."""
    lines = [
        _row(["part", "strategy", "rung", "problems", "cut", "of these repeating"]),
        _row([*["---"] * 3, *["--:"] * 3]),
    ]
    for part, held in found.items():
        for strategy, rungs in held.get("cut", {}).items():
            for rung, one in rungs.items():
                counts = [str(one[name]) for name in ("problems", "cut", "repeating")]
                lines += [_row([part, f"`{strategy}`", rung, *counts])] if one["cut"] else []
    return lines


def tied(found: dict[str, Any]) -> list[str]:
    """One row per part that has both: the difference between the weighted vote and the plain one, in points of all."""
    lines = [_row(["part", "problems", "tied", "points, on tied", "on others"]), _row(["---", *["--:"] * 4])]
    for part, one in ((part, held["ties"]) for part, held in found.items() if "ties" in held):
        points = [f"{100 * one[name] / one['problems']:+.1f}" for name in ("on_tied", "on_others")]
        lines.append(_row([part, str(one["problems"]), str(one["tied"]), *points]))
    return lines


def _percent(share: str) -> str:
    return f"{100 * float(share):.1f}"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def parts(folder: Path) -> list[str]:
    """The parts that have been played, in the order of the study's file."""
    named = tomllib.loads((folder / "study.toml").read_text("utf-8"))["models"]
    return [name for name in named if (folder / name / TABLE).is_file()]


def tables(folder: Path) -> list[str]:
    lines: list[dict[str, str]] = []
    more: dict[str, Any] = {}
    for part in parts(folder):
        with (folder / part / TABLE).open(encoding="utf-8", newline="") as file:
            lines += csv.DictReader(file)
        more |= json.loads((folder / part / RECORDED).read_text("utf-8"))
    found = compared(folder), accuracies(lines), looks(more), endless(more), tied(more)
    return ["\n".join(rows) for rows in found if len(rows) > 2]


def keep(folder: Path, played: Path) -> None:
    """Beside the page: what is reported of the one part in `played`, and what its records say."""
    [run] = (played / "parts").iterdir()
    kept = folder / run.name.rpartition("-")[0]
    kept.mkdir(exist_ok=True)
    for file in (played / TABLE, played / COMPARISONS, *(played / "figures").glob("*.png")):
        shutil.copy(file, kept)
    (kept / RECORDED).write_text(f"{json.dumps(recorded([run]), indent=1)}\n", "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--played", type=Path, metavar="STUDY", help="keep the part in this study's folder")
    options = parser.parse_args()
    if options.played:
        keep(options.folder, options.played)
    else:
        print("\n\n".join(tables(options.folder)))


if __name__ == "__main__":
    main()
