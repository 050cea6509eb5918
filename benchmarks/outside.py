"""Published outputs of others: eight open models on AIME 2024 and 2025, and DeepSeek-R1 on MATH-500, imported and run.

    git clone https://github.com/Aradhye2002/art_of_tts
    git clone https://github.com/openai/grade-school-math
    python -m benchmarks.outside --checkout art_of_tts --solutions grade-school-math > results.json
    python -m benchmarks.outside --tables results.json

The repository is that of "The Art of Scaling Test-Time Compute" (arXiv 2512.02008): eight outputs per problem with
token counts, four on MATH-500. It has no licence, so only numbers derived from it are published.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence, Set
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from tts_bench.analysis.compare import stated_of
from tts_bench.analysis.family import Comparison, Statement, as_one_family
from tts_bench.analysis.paired import holm
from tts_bench.analysis.runs import read_header, read_records, read_run
from tts_bench.analysis.series import Series, curve_of, pool_seeds, series_of
from tts_bench.analysis.within import within
from tts_bench.tasks.scoring import lenient, strict

MODELS = {  # folder in the repository -> name
    "R1": "DeepSeek-R1",
    "R1DistilQwen": "DeepSeek-R1-Distill-Qwen-32B",
    "QwQ": "QwQ-32B",
    "Qwen3": "Qwen3-32B",
    "GPT-OSS-120B": "gpt-oss-120b",
    "Dapo-Qwen-32B": "DAPO-Qwen-32B",
    "Qwen3-235B": "Qwen3-235B-A22B-Instruct-2507",
    "Deepseek": "DeepSeek-V3",
}
PARTS = {  # folders in the repository, with the number of their first problem in the task
    "aime24": {"aime2024": 0},
    "aime25": {"aime2025-i": 0, "aime2025-ii": 15},
    "math500": {"math500": 0},
}
SAMPLES = {"aime24": 8, "aime25": 8, "math500": 4}
# Token counts at which outputs end abruptly: generation limits, which most files do not state.
LIMITS = {"aime24": {5000, 8000, 10000, 20480, 32000}, "math500": {4000}}
LIMITS["aime25"] = LIMITS["aime24"]
PUBLISHED = {"majority-vote": 1, "last-finish": 2, "first-finish": 3}  # columns of the repository's table
ROWS = {"aime24": (3,), "aime25": (4, 5)}  # its rows; the two parts of AIME 2025 have 15 problems each
VOTE = "majority-vote"
SAID = {VOTE: "vote of all", "first-finish": "shortest", "last-finish": "longest"}  # in the page's table
QUESTIONS: tuple[tuple[str, str, Literal["last", "matched"]], ...] = (  # left, right, at which compute
    ("first-finish", VOTE, "matched"),
    ("short-m-at-k", VOTE, "matched"),
    ("adaptive-consistency", VOTE, "matched"),
    ("first-finish", "last-finish", "last"),
)


def strategies(samples: int) -> list[str]:
    return [
        "baseline",
        f"{VOTE}:samples={samples}",
        f"adaptive-consistency:cap={samples}",
        f"first-finish:n={samples}",
        f"short-m-at-k:m=3,k={samples}",
        f"last-finish:n={samples}",
    ]


def unpacked(source: Path, path: Path, gold: Sequence[str], first: int, limits: Set[int]) -> Path:
    """Write a folder of outputs as JSON Lines, in the order of problems and samples; the first problem is `first`.

    The repository words some problems of AIME 2025 as OpenCompass does, so they are matched by number, and the
    answers have to be those of `gold`.
    """
    lines = []
    for file in source.glob("*.json"):
        problem, sample = map(int, file.stem.split("_"))
        held = json.loads(file.read_text("utf-8"))
        theirs, ours = (_plain(answer) for answer in (str(held["answer"]), gold[first + problem]))
        assert theirs == ours, f"{file}: its problem has the answer {theirs}, ours {ours}"
        kept = {"doc_id": first + problem, "output": held["output"], "tokens": held["completion_tokens"]}
        cut = held["completion_tokens"] in limits or held.get("finish_reason") == "CUTOFF"
        lines.append(
            (problem, sample, json.dumps(kept | {"sample": sample, "finish_reason": "length" if cut else "stop"}))
        )
    path.write_text("".join(f"{line}\n" for *_, line in sorted(lines)), "utf-8")
    return path


def _plain(answer: str) -> str:
    """Without what the repository loses by converting answers to integers: 073, 120^\\circ, and 40_9 (409)."""
    return answer.removesuffix("^\\circ").replace("_", "").lstrip("0")


def played(checkout: Path, data: Path, out: Path) -> Iterator[tuple[str, str, Path]]:
    """Model, task and folder of each run; existing ones are reused."""
    out.mkdir(parents=True, exist_ok=True)
    for task, parts in PARTS.items():
        with (data / task / "test.jsonl").open(encoding="utf-8") as file:
            gold = [str(json.loads(line)["answer"]) for line in file]
        for model, name in MODELS.items():
            sources = {checkout / "results" / "vanilla" / model / part: first for part, first in parts.items()}
            if not all(source.is_dir() for source in sources):
                continue
            folder = out / f"{name.lower()}-{task}"
            if not (folder / "curve.json").exists():
                files = [
                    unpacked(source, out / f"{model}.{source.name}.jsonl", gold, first, LIMITS[task])
                    for source, first in sources.items()
                ]
                flags = [f"--strategy={spec}" for spec in strategies(SAMPLES[task])]
                flags += ["--by=id", f"--task={task}", f"--model={name}", f"--out={folder}", f"--data-dir={data}"]
                subprocess.run(
                    [sys.executable, "-m", "tts_bench", "import", *map(str, files), *flags],
                    check=True,
                    stdout=sys.stderr,
                )
            yield model, task, folder


def published(checkout: Path) -> dict[str, list[list[float]]]:
    """The repository's table of each model: six rows of four numbers."""
    text = (checkout / "analysis" / "tables" / "output" / "model_wise_tables.txt").read_text("utf-8")
    found = {}
    for part in text.split("-------------"):
        name, _, table = part.strip().partition("\n")
        numbers = [float(number) for number in re.findall(r"\d\.\d+e[+-]\d+", table)]
        found[name.strip()] = [numbers[start : start + 4] for start in range(0, len(numbers), 4)]
    return found


def kind(name: str) -> str:
    return name.partition(":")[0]


def measured(task: str, folder: Path, series: Sequence[Series], theirs: list[list[float]]) -> dict[str, Any]:
    """Every rung of a run, accuracies by position of an output, and the repository's figures for the same outputs."""
    rungs: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for point in curve_of(series):
        numbers = {key: getattr(point, key) for key in ("accuracy", "low", "high", "generated", "sequential")}
        rungs[kind(point.strategy)].append({"rung": point.rung, "problems": point.n, **numbers})
    said = {}
    for strategy, column in PUBLISHED.items():
        if task in ROWS:
            said[strategy] = sum(theirs[row][column] for row in ROWS[task]) / len(ROWS[task])
    header = read_header(folder)
    lines, _ = within(read_records(folder, header), header["metrics"], ["order"], resamples=1000, seed=0)
    [places] = [line for line in lines if kind(line.strategy) == VOTE]
    by_place = [{"accuracy": step.accuracy, "tokens": step.tokens} for step in places.steps]
    return {"rungs": rungs, "published": said, "places": by_place, "p of places": places.p}


def asked(series: Sequence[Series]) -> list[Comparison]:
    by_kind = {kind(one.name): one for one in series}
    return [stated_of(by_kind[left], by_kind[right], at) for left, right, at in QUESTIONS]


def averaged(task: str, models: Sequence[Sequence[Series]]) -> list[Series]:
    """Each problem's mean over the models, which are treated as fixed: only problems are sampled."""
    return [
        replace(each[0], grids={task: pool_seeds([one.grids[task] for one in each])})
        for each in zip(*models, strict=True)
    ]


def disagreements(checkout: Path) -> dict[str, Any]:
    """The outputs on AIME that the repository and our score judge differently."""
    judged, found = 0, []
    for model in MODELS:
        for part in (*PARTS["aime24"], *PARTS["aime25"]):
            for file in sorted((checkout / "results" / "vanilla" / model / part).glob("*.json")):
                held = json.loads(file.read_text("utf-8"))
                theirs, answer = held["pred"] == held["answer"], held["output"].rpartition("</think>")[2]
                judged += 1
                if strict(str(held["answer"]), answer) != theirs:
                    found.append({"file": str(file.relative_to(checkout)), "right for them": theirs})
    return {"outputs": judged, "differ": found}


def limits(checkout: Path, model: str) -> list[list[int]]:
    """For each position of an output on AIME, the token counts at which outputs were cut."""
    found: dict[int, set[int]] = defaultdict(set)
    for part in (*PARTS["aime24"], *PARTS["aime25"]):
        for file in (checkout / "results" / "vanilla" / model / part).glob("*.json"):
            place, tokens = int(file.stem.split("_")[1]), json.loads(file.read_text("utf-8"))["completion_tokens"]
            found[place] |= {tokens} & LIMITS["aime24"]
    return [sorted(found[place]) for place in sorted(found)]


def solutions(checkout: Path) -> dict[str, Any]:
    """The solutions that OpenAI published with GSM8K (MIT licence): how many are right for them and for us."""
    found: dict[str, dict[str, int]] = defaultdict(lambda: {"outputs": 0, "theirs": 0, "ours": 0, "differ": 0})
    path = checkout / "grade_school_math" / "data" / "example_model_solutions.jsonl"
    with path.open(encoding="utf-8") as file:
        for held in map(json.loads, file):
            gold = held.pop("ground_truth").rpartition("A:")[2].strip()
            for system in held.keys() - {"question"}:
                ours, theirs = lenient(gold, held[system]["solution"], "number"), held[system]["is_correct"]
                of = found[system]
                of["outputs"] += 1
                of["theirs"] += theirs
                of["ours"] += ours
                of["differ"] += ours != theirs
    return dict(sorted(found.items()))


def results(checkout: Path, others: Path, data: Path, out: Path) -> dict[str, Any]:
    tables = published(checkout)
    commit = subprocess.run(["git", "-C", checkout, "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    found: dict[str, dict[str, Any]] = defaultdict(dict)
    all_series: dict[str, dict[str, list[Series]]] = defaultdict(dict)
    for model, task, folder in played(checkout, data, out):
        series, _ = series_of([read_run(folder)])
        found[MODELS[model]][task] = measured(task, folder, series, tables[model])
        if task in ROWS:
            all_series[task][MODELS[model]] = series
    single = [
        (model, one) for task in all_series for model, series in all_series[task].items() for one in asked(series)
    ]
    alike = exchangeable(found)
    stated = [
        (len(chosen), one)
        for chosen in (list(found), alike)
        for task, models in all_series.items()
        for one in asked(averaged(task, [models[model] for model in chosen]))
    ]
    whole = as_one_family([one for _, one in stated])
    counts = [count for count, one in stated for _ in one.statements]
    return {
        "commit": commit.stdout.strip(),
        "models": found,
        "verdicts": disagreements(checkout),
        "solutions": solutions(others),
        "limits": {name: limits(checkout, model) for model, name in MODELS.items()},
        "exchangeable": alike,
        "mean over models": [
            {"models": count, **_numbers(said)} for count, said in zip(counts, whole.statements, strict=True)
        ],
        "each model": [{"model": model, **_numbers(said)} for model, one in single for said in one.statements],
    }


def exchangeable(models: dict[str, dict[str, Any]]) -> list[str]:
    """Models whose accuracy does not depend on the position of an output, Holm-corrected over all runs on AIME."""
    tested = [(model, held["p of places"]) for model in models for task, held in models[model].items() if task in ROWS]
    adjusted = holm([p for _, p in tested])
    differ = {model for (model, _), p in zip(tested, adjusted, strict=True) if p < 0.05}
    return [model for model in models if model not in differ]


def _numbers(said: Statement) -> dict[str, Any]:
    kept = ("task", "kind", "difference", "low", "high", "p", "adjusted", "problems", "compute", "ratio")
    return {"left": kind(said.left), "right": kind(said.right)} | {key: getattr(said, key) for key in kept}


def tables(found: dict[str, Any]) -> str:
    """The page's tables, as markdown."""
    models = found["models"]
    parts = [_accuracies(models), _together(found["mean over models"]), _apart(found["each model"]), _places(models)]
    return "\n\n".join("\n".join(part) for part in parts)


def _accuracies(models: dict[str, Any]) -> list[str]:
    heads = ["model", "task", "one output", *(part for name in SAID.values() for part in (name, "theirs")), "tokens"]
    lines = [_row(heads), _row(["---", "---", *["--:"] * (len(heads) - 2)])]
    for model, tasks in models.items():
        for task, held in tasks.items():
            rungs, cells = held["rungs"], []
            for name in SAID:
                last, theirs = rungs[name][-1], held["published"].get(name)
                interval = f" [{100 * last['low']:.0f}, {100 * last['high']:.0f}]" if name == VOTE else ""
                cells += [f"{100 * last['accuracy']:.1f}{interval}", "" if theirs is None else f"{100 * theirs:.1f}"]
            one, tokens = f"{100 * rungs[VOTE][0]['accuracy']:.1f}", f"{rungs[VOTE][-1]['generated']:,.0f}"
            lines.append(_row([model, task, one, *cells, tokens]))
    return lines


def _together(statements: Sequence[dict[str, Any]]) -> list[str]:
    heads = ["models", "task", "difference", "at", "points", "95%", "p, by Holm", "tokens"]
    lines = [_row(heads), _row(["--:", "---", "---", "---", "--:", "--:", "--:", "--:"])]
    for said in statements:
        at = "equal tokens" if said["kind"] == "matched" else "what each takes"
        names = f"{said['left']} minus {said['right']}"
        adjusted = "< 0.001" if said["adjusted"] < 0.001 else f"{said['adjusted']:.3f}"
        place = [str(said["models"]), said["task"], names, at]
        lines.append(_row([*place, *_points(said), adjusted, f"{said['compute']:,.0f}"]))
    return lines


def _apart(statements: Sequence[dict[str, Any]]) -> list[str]:
    by_model: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    for said in statements:
        if said["kind"] == "matched":
            by_model[said["model"], said["task"]][said["left"]] = " ".join(_points(said))
    names = [left for left, _, at in QUESTIONS if at == "matched"]
    lines = [_row(["model", "task", *names]), _row(["---", "---", *["--:"] * len(names)])]
    return lines + [_row([*place, *(held[name] for name in names)]) for place, held in by_model.items()]


def _places(models: dict[str, Any]) -> list[str]:
    lines = [_row(["model", "task", *map(str, range(1, 9)), "p"]), _row(["---", "---", *["--:"] * 9])]
    for model, tasks in models.items():
        for task, held in tasks.items():
            if task in ROWS:
                cells = [f"{100 * place['accuracy']:.1f}" for place in held["places"]]
                p = held["p of places"]
                lines.append(_row([model, task, *cells, "< 0.001" if p < 0.001 else f"{p:.3f}"]))
    return lines


def _points(said: dict[str, Any]) -> list[str]:
    difference, low, high = (100 * said[key] for key in ("difference", "low", "high"))
    return [f"{difference:+.1f}", f"[{low:+.1f}, {high:+.1f}]"]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkout", type=Path, help="the repository's work tree")
    parser.add_argument("--solutions", type=Path, help="the work tree of grade-school-math")
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder with aime24, aime25 and math500")
    parser.add_argument("--out", type=Path, default=Path("runs/outside"))
    parser.add_argument(
        "--tables", type=Path, metavar="RESULTS", help="print the page's tables of these results instead"
    )
    given = parser.parse_args()
    if given.tables:
        print(tables(json.loads(given.tables.read_text("utf-8"))))
    else:
        print(json.dumps(results(given.checkout, given.solutions, given.data, given.out), indent=1))


if __name__ == "__main__":
    main()
