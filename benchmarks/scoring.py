"""Answers scored per second, for plain numbers and for expressions, and the slowest of the hostile ones.

OMP_NUM_THREADS=1 python -m benchmarks.scoring

Gold answers of the shipped tasks are scored, each for the first time, so nothing is cached.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from tests.tasks.corpus import read
from tests.tasks.hostile import written
from tts_bench.tasks.answers.classes import classify
from tts_bench.tasks.data import load_rows
from tts_bench.tasks.hooks import gold
from tts_bench.tasks.scoring import extract, lenient, strict


def seconds(golds: Sequence[str]) -> list[float]:
    """Seconds that each answer takes, sorted."""
    taken = []
    for answer in golds:
        classify.cache_clear()
        started = time.perf_counter()
        strict(golds[0], rf"So it is \boxed{{ {answer} }}.")
        taken.append(time.perf_counter() - started)
    return sorted(taken)


def hostile() -> list[float]:
    """Seconds that each hostile answer takes in all its uses: as answer, as gold, as vote, and without a box."""
    taken = []
    for case in read("hostile.jsonl"):
        answer = written(case["answer"])
        classify.cache_clear()
        started = time.perf_counter()
        boxed = rf"\boxed{{{answer}}}"
        strict("x+1", boxed), strict(answer, r"\boxed{7}"), extract(boxed), lenient("x+1", answer, "expression")
        taken.append(time.perf_counter() - started)
    return sorted(taken)


def main() -> None:
    golds = {name: [gold(row) for row in load_rows(name).rows] for name in ("gsm8k", "math500")}
    expressions = [answer for answer in golds["math500"] if not answer.lstrip("-").isdigit()]
    print(f"{'answers':<24}{'number':>8}{'a second':>10}{'p99 ms':>9}{'max ms':>9}")
    for name, taken in (
        ("numbers (GSM8K)", seconds(golds["gsm8k"])),
        ("expressions (MATH-500)", seconds(expressions)),
        ("hostile", hostile()),
    ):
        rate, last = len(taken) / sum(taken), taken[int(0.99 * len(taken))]
        print(f"{name:<24}{len(taken):>8}{rate:>10.0f}{1000 * last:>9.1f}{1000 * taken[-1]:>9.1f}")


if __name__ == "__main__":
    main()
