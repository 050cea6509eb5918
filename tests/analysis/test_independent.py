"""All that a reader is shown, computed again from records.jsonl: brute force over subsets, exact fractions, scipy.

Nothing here uses the analysis' own functions but to produce what is checked.
"""

import json
import random
import zlib
from base64 import b64decode
from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import combinations, groupby, pairwise
from math import log2, sqrt
from pathlib import Path
from statistics import stdev
from typing import Any

import pytest
from scipy.stats import binomtest, norm, t

from tests.analysis.made_up import answer, record
from tests.analysis.run_folders import FIXTURES
from tests.analysis.voters import broken, plain, sampled
from tts_bench.analysis.curve import read_curve, write_curve
from tts_bench.analysis.points import points
from tts_bench.analysis.runs import read_run
from tts_bench.cli import main as root
from tts_bench.present.leaderboard.making import entry_of
from tts_bench.present.report.payload import build
from tts_bench.present.terminal import table
from tts_bench.records import Record, to_line

Json = dict[str, Any]
EXACT = 1e-12
METRICS = {"sums": "strict", "products": "strict"}
SAMPLES, PROBLEMS = 6, 25


def solved(seed: int, *, errors: bool) -> Iterator[Record]:
    """A task with one answer a problem, of which votes share a pool, and one with three repeats a problem."""
    luck = random.Random(seed)
    for doc in range(PROBLEMS):
        chances = [0.15 + 0.03 * doc, 0.3, 0.2, 0.1]
        said = luck.choices(["g", "b", "c", None], chances, k=SAMPLES)
        yield sampled(said[:1], [[0]], doc=doc, strategy="baseline")
        yield (
            broken(doc, strategy="fixed") if errors and doc in (3, 4 + seed) else plain(said, doc=doc, strategy="fixed")
        )
        yield plain(_until_three_agree(said), doc=doc, strategy="adaptive")
        chosen = luck.randrange(SAMPLES)
        best = [[*range(k), *[chosen if chosen < k else 0] * (k + 1)] for k in range(1, SAMPLES + 1)]
        yield sampled(said, best, doc=doc, strategy="best")
        for strategy, rungs in (("baseline", 1), ("forced", 2)):
            right = [luck.choice([0.0, 1 / 3, 2 / 3, 1.0]) for _ in range(rungs)]
            for repeat in range(3):
                if errors and doc == 7 and strategy == "forced":
                    yield broken(doc, "products", strategy, repeat)
                else:
                    yield sampled(
                        ["g"] * rungs,
                        [[place] for place in range(rungs)],
                        doc=doc,
                        repeat=repeat,
                        task="products",
                        strategy=strategy,
                        right=right,
                    )


def _until_three_agree(said: Sequence[str | None]) -> Sequence[str | None]:
    for count in range(3, len(said)):
        if said[count - 1] is not None and said[:count].count(said[count - 1]) == 3:
            return said[:count]
    return said


def written(folder: Path, seed: int, *, errors: bool, tasks: Sequence[str] = tuple(METRICS)) -> Path:
    """The folder of the run with that seed, of those tasks."""
    records = [one for one in solved(seed, errors=errors) if one.task in tasks]
    records.sort(key=lambda one: (one.task, one.doc_id, one.repeat))
    metrics = dict.fromkeys(tasks, "strict")
    header = json.loads((FIXTURES / "run-schema-3" / "run.json").read_text())
    strategies = list(dict.fromkeys(name for task, name in RUNGS if task in tasks))
    header["identity"] |= {
        "strategies": strategies,
        "sources": dict.fromkeys(strategies, "mine.py sha256:1"),
        "data": dict.fromkeys(tasks, "d" * 64),
        "seed": seed,
    }
    header |= {
        "seed": seed,
        "metrics": metrics,
        "labels": {name: name for name in strategies},
        "data": {task: {"sha256": "d" * 64, "documents": PROBLEMS} for task in tasks},
    }
    del header["records_sha256"]
    folder.mkdir()
    (folder / "records.jsonl").write_text("".join(map(to_line, records)))
    (folder / "run.json").write_text(json.dumps(header))
    write_curve(folder / "curve.json", points(records, metrics=metrics), {})
    return folder


# The reference: from lines of JSON.


def lines_of(folder: Path) -> list[Json]:
    return [json.loads(line) for line in (folder / "records.jsonl").read_text().splitlines()]


def share(value: float) -> Fraction:
    return Fraction(value).limit_denominator(1000)


def subsets(line: Json, k: int) -> Fraction:
    """Mean over all subsets of k samples of what their winners score, tied winners sharing."""
    said = [part["extracted"] for part in line["segments"] if part["kind"] == "answer"]
    found = []
    for subset in combinations(said, k):
        votes = Counter(one for one in subset if one is not None)
        winners = [one for one in votes if votes[one] == max(votes.values())] or [None]
        found.append(Fraction(sum(one == "g" for one in winners), len(winners)))
    return sum(found, Fraction(0)) / len(found)


def scores(lines: list[Json], task: str, strategy: str, rung: int, *, expected: bool) -> dict[int, Fraction]:
    """Each problem's score: the mean over its repeats; none where one of them is an error."""
    own = sorted(
        (one for one in lines if (one["task"], one["strategy"]) == (task, strategy)), key=lambda x: x["doc_id"]
    )
    found = {}
    for doc, repeats in groupby(own, key=lambda one: one["doc_id"]):
        group = list(repeats)
        if any(one["error"] for one in group):
            continue
        values = [
            subsets(one, rung + 1)
            if expected and strategy == "fixed"
            else share(one["answers"][min(rung, len(one["answers"]) - 1)]["scores"]["strict"])
            for one in group
        ]
        found[doc] = sum(values, Fraction(0)) / len(values)
    return found


def tokens(lines: list[Json], task: str, strategy: str, rung: int) -> float:
    """Mean over problems, each the mean over its repeats: in this run all repeats cost the same."""
    bills = [
        one["answers"][min(rung, len(one["answers"]) - 1)]["cost"]
        for one in lines
        if (one["task"], one["strategy"]) == (task, strategy) and not one["error"]
    ]
    total: int = sum(bill["thinking"] + bill["forced"] + bill["answer"] for bill in bills)
    return total / len(bills)


def interval(values: Sequence[Fraction]) -> tuple[float, float]:
    """Wilson's with the effective number of problems, the roots of (p - m)^2 = z^2 p (1 - p) / n."""
    n, mean = len(values), sum(values, Fraction(0)) / len(values)
    z, m, size = float(norm.ppf(0.975)), float(mean), float(n)
    if not set(values) <= {0, 1}:
        weights = [(value, Fraction(1)) for value in values] + [(Fraction(end), Fraction(1, 20)) for end in (0, 1)]
        number = sum(weight for _, weight in weights)
        centre = sum(weight * value for value, weight in weights) / number
        variance = sum(weight * (value - centre) ** 2 for value, weight in weights) / (number - 1)
        size = float(n * centre * (1 - centre) / variance) * float(z / t.ppf(0.975, n - 1)) ** 2
    a, b, c = 1 + z * z / size, -(2 * m + z * z / size), m * m
    root = sqrt(max(b * b - 4 * a * c, 0.0))
    return (-b - root) / (2 * a), (-b + root) / (2 * a)


RUNGS = {("sums", "baseline"): 1, ("sums", "fixed"): 6, ("sums", "adaptive"): 6, ("sums", "best"): 6} | {
    ("products", "baseline"): 1,
    ("products", "forced"): 2,
}


def agrees(point: Json, seeds: list[list[Json]], *, expected: bool) -> None:
    """A point, as JSON has it, is what the lines of all seeds say."""
    task, strategy, rung = point["task"], point["strategy"], point["index"]
    each = [scores(lines, task, strategy, rung, expected=expected) for lines in seeds]
    common = sorted(set.intersection(*(set(one) for one in each)))
    pooled = [sum((one[doc] for one in each), Fraction(0)) / len(each) for doc in common]
    mean = sum(pooled, Fraction(0)) / len(pooled)
    assert point["accuracy"] == pytest.approx(float(mean), abs=EXACT)
    assert (point["low"], point["high"]) == pytest.approx(interval(pooled), abs=EXACT)
    assert (point["n"], point["seeds"]) == (len(common), len(seeds))
    alone = [sum(one.values(), Fraction(0)) for one in each]
    overall = sum((total / PROBLEMS for total in alone), Fraction(0)) / len(each)
    assert point["overall"] == pytest.approx(float(overall), abs=EXACT)
    assert point["errors"] == PROBLEMS - len(common)
    if len(seeds) > 1:
        own = [total / len(one) for total, one in zip(alone, each, strict=True)]
        assert point["between"] == pytest.approx(stdev(own), abs=EXACT)
    else:
        assert point["between"] is None


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("runs")
    return [written(folder / f"seed{seed}", seed, errors=True) for seed in (0, 1)]


def test_curve_json_is_what_the_records_say(folders: list[Path]) -> None:
    for folder in folders:
        lines = lines_of(folder)
        found = json.loads((folder / "curve.json").read_text())["points"]
        assert len(found) == sum(RUNGS.values())
        for point in found:
            agrees(point, [lines], expected=False)
            assert point["generated"] == pytest.approx(
                tokens(lines, point["task"], point["strategy"], point["index"]), abs=1e-9
            )


def test_the_table_prints_what_the_records_say(folders: list[Path]) -> None:
    lines, curve = lines_of(folders[0]), read_curve(folders[0] / "curve.json")[1]
    for task in METRICS:
        by_strategy = {
            strategy: [point for point in curve if (point.task, point.strategy) == (task, strategy)]
            for at, strategy in RUNGS
            if at == task
        }
        grid = table(task, by_strategy, 120)
        cells = {str(column.header): [str(cell) for cell in column.cells] for column in grid.columns}
        row = 0
        for strategy, line in by_strategy.items():
            for rung in range(len(line)):
                values = list(scores(lines, task, strategy, rung, expected=False).values())
                mean = float(sum(values, Fraction(0)) / len(values))
                low, high = interval(values)
                assert cells["accuracy"][row] == f"{100 * mean:.1f} [{100 * low:.1f}, {100 * high:.1f}]"
                overall = f"{100 * mean * len(values) / PROBLEMS:.1f}" if len(values) < PROBLEMS else ""
                assert cells["of all"][row] == overall
                row += 1


def test_compare_says_what_the_records_say(
    folders: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "said.json"
    assert root._run(["compare", *map(str, folders), "--resamples", "1000", "--out", str(out)]) == 0
    shown, said = capsys.readouterr().out, json.loads(out.read_text())
    seeds = [lines_of(folder) for folder in folders]
    assert len(said["points"]) == sum(RUNGS.values())
    for point in said["points"]:
        agrees(point, seeds, expected=True)
        if point["strategy"] == "fixed" and point["index"] == 5:
            assert f"{100 * point['accuracy']:.1f} [" in shown
    for statement in said["statements"]:
        if statement["kind"] == "last":
            _last_agrees(statement, seeds)
        else:
            _matched_agrees(statement, seeds)
    assert said["seeds"] == dict.fromkeys(("baseline", "fixed", "adaptive", "best", "forced"), 2)
    assert "A vote of fixed is the expectation over all orders" in " ".join(shown.split())
    assert "-0.0" not in shown


def _pooled(seeds: list[list[Json]], task: str, strategy: str, rung: int) -> dict[int, Fraction]:
    """On the problems that every strategy of the task finished with every seed."""
    each = [scores(lines, task, strategy, rung, expected=True) for lines in seeds]
    everywhere = [
        set(scores(lines, task, name, 0, expected=False)) for lines in seeds for at, name in RUNGS if at == task
    ]
    return {doc: sum((one[doc] for one in each), Fraction(0)) / len(each) for doc in set.intersection(*everywhere)}


def _last_agrees(said: Json, seeds: list[list[Json]]) -> None:
    task = said["task"]
    left, right = (_pooled(seeds, task, said[side], RUNGS[task, said[side]] - 1) for side in ("left", "right"))
    differences = [left[doc] - right[doc] for doc in left]
    assert said["difference"] == pytest.approx(float(sum(differences, Fraction(0)) / len(differences)), abs=EXACT)
    better, worse = sum(one > 0 for one in differences), sum(one < 0 for one in differences)
    assert (said["better"], said["worse"], said["problems"]) == (better, worse, len(differences))
    if {abs(one) for one in differences} <= {0, 1}:
        assert said["p"] == pytest.approx(binomtest(better, better + worse).pvalue, abs=EXACT)
        assert said["test"] == "exact McNemar test"
    else:
        assert said["test"] == "sign-flip test"


def _matched_agrees(said: Json, seeds: list[list[Json]]) -> None:
    task, curves = said["task"], []
    for side in ("left", "right"):
        rungs = range(RUNGS[task, said[side]])
        accuracies = [_pooled(seeds, task, said[side], rung) for rung in rungs]
        costs = [_costs(seeds, task, said[side], rung, accuracies[0]) for rung in rungs]
        curves.append(
            [(cost, float(sum(one.values()) / len(one))) for cost, one in zip(costs, accuracies, strict=True)]
        )
    at = min(max(cost for cost, _ in curve) for curve in curves)
    heights = [_height(sorted(curve), at) for curve in curves]
    assert said["difference"] == pytest.approx(heights[0] - heights[1], abs=EXACT)


def _costs(seeds: list[list[Json]], task: str, strategy: str, rung: int, documents: dict[int, Fraction]) -> float:
    kept = [[one for one in lines if one["doc_id"] in documents] for lines in seeds]
    return sum(tokens(lines, task, strategy, rung) for lines in kept) / len(kept)


def _height(curve: list[tuple[float, float]], at: float) -> float:
    for (x, y), (u, v) in pairwise(curve):
        if at <= u * (1 + 1e-12):
            return y + (v - y) * (log2(at) - log2(x)) / (log2(u) - log2(x))
    return curve[-1][1]


def test_the_report_holds_what_the_records_say(folders: list[Path]) -> None:
    index = json.loads(zlib.decompress(b64decode(build(folders).index)))
    seeds = [lines_of(folder) for folder in folders]
    for run, lines in zip(index["runs"], seeds, strict=True):
        for point in run["points"]:
            agrees(point, [lines], expected=False)
    assert len(index["verdicts"]["points"]) == sum(RUNGS.values())
    for point in index["verdicts"]["points"]:
        agrees(point, seeds, expected=True)


@pytest.mark.parametrize("task", METRICS)
def test_the_leaderboard_holds_what_the_records_say(task: str, tmp_path: Path) -> None:
    folder = written(tmp_path / "run", 5, errors=False, tasks=[task])
    entry, lines = entry_of(folder), lines_of(folder)
    for strategy, rungs in [(name, rungs) for (at, name), rungs in RUNGS.items() if at == task]:
        held = entry.tasks[task].strategies[strategy].rungs
        for rung in range(rungs):
            values = list(scores(lines, task, strategy, rung, expected=False).values())
            own = held[str(rung + 1)]
            assert own.accuracy == pytest.approx(float(sum(values, Fraction(0)) / len(values)), abs=EXACT)
            assert (own.low, own.high) == pytest.approx(interval(values), abs=EXACT)
            assert own.generated == pytest.approx(tokens(lines, task, strategy, rung), abs=1e-9)


def test_a_run_that_nobody_voted_in_has_no_expectations(tmp_path: Path) -> None:
    """The reference above would agree with anything if the fixed vote were not one."""
    folder = written(tmp_path / "run", 9, errors=False)
    lines = read_run(folder).grids["sums"]
    assert {name: line.votes is not None for name, line in lines.items()} == {
        "baseline": False,
        "fixed": True,
        "adaptive": False,
        "best": False,
    }
    assert record(answer()).answers[0].ballots == 0
