"""All strategies on the pocket model, seed by seed: accuracy, cost, and whether they were predicted.

python -m benchmarks.shelf [--seeds 5] [--problems 300] [--flat 200] [--runs runs/shelf] [--out docs/results/shelf.json]

Each seed, from 1 upwards, has two runs per pocket task, on the same samples: all strategies, with the scorer of lines,
and those that use scorers of answers, with a good and a useless one. From the fourth seed on, a third run has early
votes that stop sooner, whose rules were chosen on the first three seeds. Only the first seed has the strategies that
take more than half of the tokens and are in no claim: prompts with the model's own answers, which it cannot read, and
twice as many samples. Runs share one store, run one after the other and can be resumed. Seeds are pooled by `compare`;
`shelf_claims` has the predictions.
"""

from __future__ import annotations

import argparse
import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.known_truth import Run, in_process_of_its_own
from benchmarks.shelf_claims import ARITHMETIC, FLAT, FROM_SEED, SOONER, VOTE, Part, Said, judged
from tts_bench.analysis.compare import compare
from tts_bench.analysis.family import Statement
from tts_bench.analysis.runs import read_run
from tts_bench.analysis.series import Series, curve_of, series_of
from tts_bench.files import write_whole
from tts_bench.models import resolve

TASKS = (ARITHMETIC, FLAT)
_BASELINE = "baseline:budgets=16+24+32+64"  # the default comparison's
_ANSWERS = (
    _BASELINE, VOTE, "majority-vote:samples=3", "short-m-at-k", "best-of-n:scorer=good", "best-of-n:scorer=useless",
    "weighted-vote:scorer=good", "weighted-vote:scorer=useless",
)  # fmt: skip
_ONCE = (
    "parallel-distill-refine", "self-aggregation", "self-refine", "sequential-refinement", "think-twice", "genselect",
    "universal-self-consistency", "deepconf-online", "deepconf-online-short",
)  # fmt: skip
PARTS: dict[Part, tuple[str, ...]] = {
    "shelf": (
        f"--strategy={_BASELINE}", "--strategy=learned-token", "--scorer=pocket:says=steps",
    ),
    "answers": (
        *(f"--strategy={strategy}" for strategy in _ANSWERS),
        "--scorer=good=pocket:says=outcome,error=0.05", "--scorer=useless=pocket:says=useless",
    ),
    "votes": tuple(f"--strategy={strategy}" for strategy in (_BASELINE, VOTE, *SOONER)),
}  # fmt: skip
_POINT = ("task", "strategy", "rung", "accuracy", "low", "high", "n", "generated", "spent")
_STATEMENT = ("task", "kind", "left", "right", "difference", "low", "high", "adjusted", "problems", "compute", "ratio")


def command(task: str, part: Part, seed: int, problems: int, runs: Path) -> list[str]:
    """The arguments of `tts-bench` for one run."""
    what = ("--model=pocket", f"--tasks={task}", f"--limit={problems}", f"--seed={seed}")
    shelf = ",".join(["shelf", *(f"-{name}" for name in _ONCE if seed > 1)])
    group = [f"--strategies={shelf}"] if part == "shelf" else []
    return ["run", *what, *group, *PARTS[part], f"--out={runs / f'{task}-{part}-{seed}'}"]


def result(folders: dict[tuple[str, Part], Sequence[Path]]) -> dict[str, Any]:
    """Figures, differences and claims of the runs; seeds of one task and part are pooled."""
    points: list[dict[str, Any]] = []
    statements: list[dict[str, Any]] = []
    said: dict[tuple[str, Part], Said] = {}
    for (task, part), paths in folders.items():
        series, differences = series_of([read_run(path) for path in paths])
        if differences:
            raise ValueError(f"the runs of {task}, {part}, do not belong together: {' '.join(differences)}")
        said[task, part] = functools.cache(functools.partial(_stated, series))
        last = {point.strategy: point.flat() for point in curve_of(series)}  # rungs come in their order
        points += [{"part": part, **_short(point, _POINT)} for point in last.values()]
        statements += [{"part": part, **_short(asdict(one), _STATEMENT)} for one in said[task, part]("baseline")]
    return {"points": points, "statements": statements, "claims": judged(said)}


def _stated(series: Sequence[Series], baseline: str) -> list[Statement]:
    return compare(series, baseline=baseline).statements


def _short(row: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: round(row[name], 5) + 0.0 if isinstance(row[name], float) else row[name] for name in names}


def play(
    seeds: Sequence[int], problems: Mapping[str, int], runs: Path, run: Run = in_process_of_its_own
) -> dict[str, Any]:
    """Run what is missing, and return the results of all runs."""
    runs.mkdir(parents=True, exist_ok=True)
    folders: dict[tuple[str, Part], Sequence[Path]] = {}
    for task in TASKS:
        for part in PARTS:
            of_part = [seed for seed in seeds if seed >= FROM_SEED.get(part, 1)]
            for seed in of_part:
                run(command(task, part, seed, problems[task], runs), runs)
                print(f"{task}, {part}, seed {seed}", flush=True)
            if of_part:
                folders[task, part] = [runs / f"{task}-{part}-{seed}" for seed in of_part]
    return result(folders)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--problems", type=int, default=300)
    parser.add_argument("--flat", type=int, default=200)
    parser.add_argument("--runs", type=Path, default=Path("runs/shelf"))
    parser.add_argument("--out", type=Path, default=Path("docs/results/shelf.json"))
    given = parser.parse_args()
    seeds, problems = range(1, given.seeds + 1), {ARITHMETIC: given.problems, FLAT: given.flat}
    found = play(seeds, problems, given.runs)
    played = {"problems": problems, "seeds": {task: list(seeds) for task in TASKS}, "from_seed": FROM_SEED}
    settings = {"model": resolve("pocket").fingerprint, **played}
    write_whole(given.out, f"{json.dumps({'settings': settings, **found}, indent=1)}\n".encode())
    for claim in found["claims"]:
        if not (claim["holds"] and claim["settled"]):
            print(json.dumps(claim))


if __name__ == "__main__":
    main()
