"""Scores the hostile answers in a process of its own and prints what came of each: `python -m tests.tasks.hostile`.

The first argument is the order, `forwards` or `backwards`: a verdict must not depend on what was scored before.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from tests.tasks.corpus import read
from tts_bench.tasks.scoring import extract, lenient, same, strict

_CLOSERS = {"{": "}", "(": ")", "[": "]"}


def written(answer: str | dict[str, str | int]) -> str:
    """The answer of a line: itself, or one that is repeated, with its brackets closed where `then` is null."""
    if isinstance(answer, str):
        return answer
    unit, times, then = str(answer["repeat"]), int(answer["times"]), answer["then"]
    opened = unit.replace("\\{", "")
    closed = "".join(_CLOSERS[mark] for mark in reversed(opened) if mark in _CLOSERS)
    return f"{answer.get('before', '')}{unit * times}{then if then is not None else '1' + closed * times}"


def tried(answer: str) -> tuple[list[object], float]:
    """Verdicts on an answer in every place where it can stand, and the longest CPU time of a call in seconds."""
    box, bare = rf"So it is \boxed{{{answer}}}.", f"The answer is {answer}"
    calls: list[Callable[[], object]] = [
        lambda: extract(box),
        lambda: extract(bare),
        lambda: same(answer, answer),
        *(
            call
            for gold in (r"7\sqrt{2}", r"\frac{\sin x}{x+1}", "3, 5", "east")
            for call in (
                lambda gold=gold: strict(gold, box),
                lambda gold=gold: strict(answer, rf"\boxed{{{gold}}}"),
                lambda gold=gold: lenient(gold, bare, "expression"),
                lambda gold=gold: lenient(gold, bare, "number"),
                lambda gold=gold: lenient(answer, f"The answer is ${gold}$.", "expression"),
            )
        ),
        lambda: strict(answer, box),
        lambda: lenient(answer, bare, "expression"),
    ]
    found: list[object] = []
    longest = 0.0
    for call in calls:
        started = time.process_time()
        found.append(call())
        longest = max(longest, time.process_time() - started)
    return found, longest


def children() -> list[str]:
    """Processes that this one has started and not waited for (Linux)."""
    return [pid for file in Path(f"/proc/{os.getpid()}/task").glob("*/children") for pid in file.read_text().split()]


def main() -> None:
    extract(r"\boxed{\sqrt{2}+x}")  # what is imported on first use is no answer's time
    cases = list(enumerate(read("hostile.jsonl")))
    for number, case in reversed(cases) if sys.argv[1] == "backwards" else cases:
        print(json.dumps({"started": number}), flush=True)
        found, seconds = tried(written(case["answer"]))
        print(json.dumps({"number": number, "found": found, "seconds": seconds}), flush=True)
    algebra = sorted({"sympy", "math_verify", "latex2sympy2_extended"} & set(sys.modules))
    print(json.dumps({"children": children(), "threads": threading.active_count(), "algebra": algebra}), flush=True)


if __name__ == "__main__":
    main()
