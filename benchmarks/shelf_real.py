"""Check that every strategy of the shelf runs on a real model: two GSM8K problems, four samples each, short thinking.

python -m benchmarks.shelf_real --out runs/real --model smollm2 [--without eat --without no-wait] [--limit 2 ...]

Options other than --without go to `tts-bench run`, for example --engine, --base-url and --tokenizer of a server.
Accuracies mean nothing at this size; the test is that no problem ends in an error. A strategy that needs what the
engine cannot do is refused before anything is generated, and has to be left out.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

from benchmarks.known_truth import in_process_of_its_own
from tts_bench import presets, registry
from tts_bench.analysis.runs import read_header
from tts_bench.api import Problem
from tts_bench.scorer import Candidate

SMALL = {"samples": 4, "n": 4, "cap": 4, "extensions": 2}  # options of the same name in several strategies
OPTIONS = {
    "alpha-one": "length=40",
    "beam-search": "n=4,width=2,rounds=4",
    "deepconf-online": "warmup=2,samples=4",
    "deepconf-online-short": "warmup=2,samples=4",
    "dvts": "n=4,width=2,rounds=4",
    "dynasor": "chunk=16,agree=2",
    "esc": "window=2,cap=4",
    "genselect": "samples=4,window=2",
    "parallel-distill-refine": "drafts=2+1",
    "particle-filtering": "n=4,rounds=4",
    "rebase": "width=4,rounds=4",
    "rejection-sampling": "tries=4,limit=40",
    "self-aggregation": "population=4,k=2,loops=2",
    "self-refine": "rounds=2",
    "sequential-refinement": "rounds=2",
    "short-m-at-k": "m=2,k=4",
    "step-conditional": "steps=2",
    "think-twice": "rounds=2",
    "thought-terminator": "deadline=48",
}
COMMON = ("--tasks=gsm8k", "--limit=2", "--max-thinking-tokens=48", "--max-answer-tokens=24")


def lines(problem: Problem, candidate: Candidate) -> list[float]:
    """A scorer that knows nothing: a number from 0 to 1 for each line of the thinking, short ones first."""
    return [1.0 / (1 + len(line)) for line in candidate.thinking.splitlines()] or [0.0]


def spec(name: str) -> str:
    """The strategy with cheap options."""
    fields = {field.name for field in dataclasses.fields(registry.strategy_class(name))}
    small = ",".join(f"{option}={value}" for option, value in SMALL.items() if option in fields)
    options = OPTIONS.get(name, small)
    return f"{name}:{options}" if options else name


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--without", action="append", default=[])
    given, more = parser.parse_known_args()
    names = [name for name in presets.groups()[presets.SHELF] if name not in given.without]
    given.out.parent.mkdir(parents=True, exist_ok=True)
    scorer = f"--scorer=function:call={Path(__file__)}:lines"
    arms = [f"--strategy={spec(name)}" for name in names]
    in_process_of_its_own(["run", f"--out={given.out}", *COMMON, scorer, *arms, *more], given.out.parent)
    print(f"{len(names)} strategies, {read_header(given.out)['errors']} errors")


if __name__ == "__main__":
    main()
