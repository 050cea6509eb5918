"""The results of docs/studies/2026-token: what learned tokens gain over none, "Wait", controls and a vote.

    python -m benchmarks.token_study --run runs/2026-token --tokens tokens > results.json
    python -m benchmarks.token_study --tables results.json

`--tokens` holds the folders learned-*, shuffled-* and untrained. A problem's score for the learned token is its mean
over the learned ones, and likewise for the controls.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any, Literal

from benchmarks.changes import Changes, changes
from tts_bench.analysis.compare import stated_of
from tts_bench.analysis.curve import Point
from tts_bench.analysis.family import Statement, as_one_family
from tts_bench.analysis.runs import read_header, read_records, read_run
from tts_bench.analysis.series import Series, curve_of, pool_seeds, series_of
from tts_bench.analysis.table import Grid
from tts_bench.records import Record
from tts_bench.tokens import tokenfile

BASE, WAIT, VOTE, UNTRAINED = "no token", "Wait", "vote", "untrained"
LEARNED, CONTROL = "learned, mean", "shuffled, mean"
QUESTIONS: Mapping[str, tuple[str, str, Literal["last", "matched"]]] = {
    "token-gains": (LEARNED, BASE, "last"),
    "token-or-wait": (LEARNED, WAIT, "last"),
    "token-or-control": (LEARNED, CONTROL, "last"),
    "token-or-vote": (LEARNED, VOTE, "matched"),
}


def arms(run: Path, tokens: Path) -> dict[str, Series]:
    """The strategies of the run by the names of this study, and the two means."""
    digests = {tokenfile.load(folder).digest[:16]: folder.name for folder in sorted(_folders(tokens))}
    found: dict[str, Series] = {}
    for one in series_of([read_run(run)])[0]:
        found[name_of(one.strategy, digests)] = one
    found[BASE] = _rungs(found[WAIT], slice(0, 1))
    order = [BASE, WAIT, UNTRAINED]
    for mean, kind in ((LEARNED, "learned"), (CONTROL, "shuffled")):
        names = sorted(name for name in found if name.startswith(f"{kind}-"))
        found[mean] = _averaged([found[name] for name in names])
        order += [*names, mean]
    return {name: replace(found[name], name=name) for name in (*order, VOTE)}


def _folders(tokens: Path) -> Iterator[Path]:
    for kind in ("learned-*", "shuffled-*", UNTRAINED):
        yield from (folder for folder in tokens.glob(kind) if not folder.name.endswith(".training"))


def name_of(strategy: str, digests: Mapping[str, str]) -> str:
    """What this study calls a strategy."""
    kind = strategy.partition(":")[0]
    if kind == "learned-token":
        return next(name for digest, name in digests.items() if digest in strategy)
    return {"budget-forcing": WAIT, "majority-vote": VOTE}[kind]


def _rungs(one: Series, chosen: slice) -> Series:
    def cut(grid: Grid) -> Grid:
        return replace(
            grid,
            rungs=grid.rungs[chosen],
            values={name: array[:, chosen] for name, array in grid.values.items()},
            scores={name: array[:, chosen] for name, array in grid.scores.items()},
            votes=None,
        )

    return replace(one, grids={task: cut(grid) for task, grid in one.grids.items()})


def _averaged(several: Sequence[Series]) -> Series:
    grids = {task: pool_seeds([one.grids[task] for one in several]) for task in several[0].grids}
    return replace(several[0], grids=grids)


def changed(run: Path, tokens: Path) -> dict[str, Changes]:
    """Of each arm with a cue, how answers changed after it."""
    digests = {tokenfile.load(folder).digest[:16]: folder.name for folder in _folders(tokens)}
    header = read_header(run)
    by_arm: dict[str, list[Record]] = defaultdict(list)
    for record in read_records(run, header):
        by_arm[name_of(record.strategy, digests)].append(record)
    [metric] = set(header["metrics"].values())
    return {name: changes(records, metric)["x1"] for name, records in by_arm.items() if name != VOTE}


def training(folder: Path) -> dict[str, Any]:
    """What a training's log says of it, steps together."""
    with (folder / "log.jsonl").open(encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    card = json.loads((folder / "card.json").read_text("utf-8"))
    steps, third = lines[1:], max(1, len(lines[1:]) // 3)
    return {
        "steps": len(steps),
        "groups": sum(line["groups"] for line in steps),  # whose rewards differ
        "of": len(steps) * card["training"]["settings"]["problems_per_step"],
        "before": fmean(line["before"] for line in steps),
        "accuracy": fmean(line["accuracy"] for line in steps),
        "first": fmean(line["accuracy"] - line["before"] for line in steps[:third]),
        "last": fmean(line["accuracy"] - line["before"] for line in steps[-third:]),
        "cosine": steps[-1]["cosine"],
        "minutes": sum(sum(line["seconds"].values()) for line in steps) / 60,
    }


def results(run: Path, tokens: Path) -> dict[str, Any]:
    found = arms(run, tokens)
    parts = {name: stated_of(found[left], found[right], at) for name, (left, right, at) in QUESTIONS.items()}
    stated = [name for name, part in parts.items() if part.statements]
    whole = as_one_family(list(parts.values()))
    each = [
        stated_of(one, found[other], "last").statements[0]
        for name, one in found.items()
        for other in (BASE, WAIT)
        if name not in (BASE, WAIT, VOTE) and name != other
    ]
    trained = [folder for folder in _folders(tokens) if folder.name != UNTRAINED]
    return {
        "curve": [_point(point) for name in found for point in curve_of([found[name]])],
        "comparisons": {name: _numbers(said) for name, said in zip(stated, whole.statements, strict=True)},
        "each": [_numbers(said) for said in each],
        "changes": {name: vars(one) for name, one in changed(run, tokens).items()},
        "training": {folder.name: training(folder) for folder in sorted(trained)},
    }


def _point(point: Point) -> dict[str, Any]:
    kept = ("rung", "n", "accuracy", "low", "high", "generated", "truncated", "no_answer")
    return {"arm": point.strategy, **{name: getattr(point, name) for name in kept}}


def _numbers(said: Statement) -> dict[str, Any]:
    kept = ("left", "right", "kind", "difference", "low", "high", "p", "adjusted", "detectable", "problems")
    return {name: getattr(said, name) for name in (*kept, "better", "worse", "compute", "ratio")}


def tables(found: dict[str, Any]) -> str:
    """The page's tables, as markdown."""
    parts = [_asked(found), _curve(found["curve"]), _each(found["each"]), _changes(found), _trainings(found)]
    return "\n\n".join("\n".join(part) for part in parts)


def _asked(found: dict[str, Any]) -> list[str]:
    heads = ["question", "points", "95%", "p, by Holm", "detectable", "better, worse", "tokens, of the other's"]
    lines = _heads(heads, 1)
    for name, said in found["comparisons"].items():
        smallest = "" if said["detectable"] is None else f"{100 * said['detectable']:.1f}"
        counts = [f"{said['better']}, {said['worse']}", f"{said['ratio']:.2f}"]
        lines.append(_row([f"`{name}`", *_points(said), _p(said["adjusted"]), smallest, *counts]))
    return lines


def _curve(points: Sequence[dict[str, Any]]) -> list[str]:
    lines = _heads(["arm", "rung", "accuracy", "95%", "tokens", "cut", "no answer"], 2)
    for point in points:
        if point["arm"] not in (BASE, VOTE) and point["rung"] == "x0":
            continue  # the same for all
        if point["arm"] == VOTE and point["rung"] not in ("1", "2", "4", "8"):
            continue
        interval = f"{100 * point['low']:.1f} to {100 * point['high']:.1f}"
        shares = [f"{point['truncated']:.1%}", f"{point['no_answer']:.1%}"]
        accuracy, tokens = f"{100 * point['accuracy']:.1f}", f"{point['generated']:,.0f}"
        lines.append(_row([point["arm"], point["rung"], accuracy, interval, tokens, *shares]))
    return lines


def _each(statements: Sequence[dict[str, Any]]) -> list[str]:
    lines = _heads(["arm", "minus", "points", "95%", "better, worse"], 2)
    for said in statements:
        lines.append(_row([said["left"], said["right"], *_points(said), f"{said['better']}, {said['worse']}"]))
    return lines


def _changes(found: dict[str, Any]) -> list[str]:
    lines = _heads(["arm", "problems", "with a cue", "answer changed", "wrong to right", "right to wrong"], 1)
    for name, one in found["changes"].items():
        numbers = [one[key] for key in ("problems", "cued", "changed", "gained", "lost")]
        lines.append(_row([name, *map(str, numbers)]))
    return lines


def _trainings(found: dict[str, Any]) -> list[str]:
    heads = ["token", "steps", "groups that differ", "gain, first third", "last third", "cosine to start", "minutes"]
    lines = _heads(heads, 1)
    for name, one in found["training"].items():
        gains = [f"{100 * one[key]:+.1f}" for key in ("first", "last")]
        groups = f"{one['groups']} of {one['of']}"
        lines.append(_row([name, str(one["steps"]), groups, *gains, f"{one['cosine']:.2f}", f"{one['minutes']:.0f}"]))
    return lines


def _points(said: dict[str, Any]) -> list[str]:
    difference, low, high = (100 * said[key] for key in ("difference", "low", "high"))
    return [f"{difference:+.1f}", f"{low:+.1f} to {high:+.1f}"]


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _heads(names: Sequence[str], words: int) -> list[str]:
    """The first two lines of a table whose first `words` columns are words and the others numbers."""
    return [_row(names), _row([*["---"] * words, *["--:"] * (len(names) - words)])]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, default=Path("runs/2026-token"))
    parser.add_argument("--tokens", type=Path, default=Path("tokens"))
    parser.add_argument("--tables", type=Path, metavar="RESULTS", help="print the page's tables instead")
    options = parser.parse_args()
    if options.tables:
        print(tables(json.loads(options.tables.read_text("utf-8"))))
    else:
        print(json.dumps(results(options.run, options.tokens), indent=1))


if __name__ == "__main__":
    main()
