"""How long `compare` and `plot` take on 10,000 synthetic problems x 4 strategies x 5 rungs, each in a fresh process.

python benchmarks/analysis.py [--problems 10000] [--characters 200]
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tts_bench.api import Cost
from tts_bench.records import AnswerRecord, Record, SegmentRecord, to_line
from tts_bench.streams import uniform

STRATEGIES = (
    "baseline:budgets=1+2+3+4+5",
    "budget-forcing:extensions=4",
    "learned-token:extensions=4",
    "majority-vote:samples=5",
)
RUNGS = 5


def segment(kind: str, origin: str, start: int, text: str, extracted: str | None = None) -> SegmentRecord:
    scores = {"strict": float(extracted == "0"), "lenient": float(extracted == "0")} if extracted else {}
    return SegmentRecord(kind, text, len(text) // 4, 0, 0, start, origin, origin, extracted, scores)  # type: ignore[arg-type]


def record(strategy: str, doc: int, text: str) -> Record:
    """Five rungs, each with some thinking and an answer; the rungs of a vote are its samples."""
    vote, chance = strategy.startswith("majority"), uniform("chance", doc)
    segments, answers = [segment("prompt", "p", 0, text)], []
    drawn = ["0" if uniform(f"{strategy} {rung}", doc) < chance else str(1 + rung % 3) for rung in range(RUNGS)]
    for rung, said in enumerate(drawn):
        segments.append(segment("thinking", f"t{rung}", 50 if vote else 50 * (1 + rung), text))
        segments.append(segment("answer", f"a{rung}", 100, said, said))
        lineage = tuple(range(2 * rung + 3)) if vote else (0, *range(1, 2 * rung + 2, 2), 2 * rung + 2)
        winner = max(drawn[: rung + 1], key=drawn[: rung + 1].count) if vote else said
        tokens = 50 * (rung + 1) + doc % 37
        right = {"strict": float(winner == "0"), "lenient": float(winner == "0")}
        cues = rung if "extensions" in strategy else 0
        cost = Cost(50, tokens, 3, 10, tokens, 1e9 * tokens)
        ballots = rung + 1 if vote else 0
        answers.append(AnswerRecord(str(rung), winner, winner, cost, lineage, False, cues, cues, right, ballots))
    return Record("made-up", doc, 0, f"made-up/{doc}", strategy, tuple(segments), tuple(answers), Cost())


def write(folder: Path, problems: int, characters: int) -> int:
    """Write the run; returns the bytes of its records."""
    identity = {"strategies": STRATEGIES, "tasks": ["made-up"], "data": {}, "model": "m", "seed": 0}
    header = {"schema": 1, "status": "finished", "identity": identity, "metrics": {"made-up": "strict"}, "labels": {}}
    (folder / "run.json").write_text(json.dumps(header))
    with (folder / "records.jsonl").open("w") as file:
        for doc in range(problems):
            for strategy in STRATEGIES:
                file.write(to_line(record(strategy, doc, "x" * characters)))
        return file.tell()


def timed(*arguments: str) -> tuple[float, float]:
    """Wall and CPU seconds of a command in its own process."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    code = "from tts_bench.cli.main import main; main()"
    subprocess.run([sys.executable, "-c", code, *arguments], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - started, spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", type=int, default=10_000)
    parser.add_argument("--characters", type=int, default=200, help="of the prompt and of each stretch of thinking")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        size = write(Path(place), given.problems, given.characters)
        print(
            f"{given.problems} problems x {len(STRATEGIES)} strategies x {RUNGS} rungs, {size / 1e6:.0f} MB of records"
        )
        print("| command | wall s | CPU s |\n|---|---|---|")
        for name, *options in (("compare", "--resamples", "10000"), ("plot", "--out", f"{place}/a.svg")):
            wall, cpu = timed(name, place, *options)
            print(f"| {name} | {wall:.1f} | {cpu:.1f} |")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e3:.0f} MB")


if __name__ == "__main__":
    main()
