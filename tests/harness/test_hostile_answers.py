"""Claim: a model may answer whatever it likes: scoring ends within the run, and a repetition gives the same bytes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.harness.killable import write_problems

ROOT = Path(__file__).parents[2]
CODE = """
from tts_bench.cli.main import main
from tts_bench.engines.scripted import END, END_THINK, SCRIPTS, THINK

ANSWERS = [
    r"\\sum_{n=1}^{10^{12}} n^{n}", r"9^{9^{9^{9}}}", r"10^{10^{10}}", r"(10^{9})!", r"\\prod_{k=1}^{10^{9}} k",
    r"\\int_0^1 \\sin(x^{x^{x}}) e^{e^{x}} dx", r"\\lim_{x \\to 0} \\frac{\\sin(\\tan(x^{99}))}{x^{99}}",
    r"\\binom{10^{12}}{10^{6}}", "(" * 2000 + "1" + ")" * 2000, "x^" * 500 + "2", r"\\sqrt" * 400 + "2", "7" * 100_000,
]


def hostile(text, draw):
    if END_THINK in text.rpartition(THINK)[2]:
        return rf"\\boxed{{{ANSWERS[int(draw(0) * len(ANSWERS))]}}}" + END
    return "so" + END_THINK


if __name__ == "__main__":
    SCRIPTS["hostile"] = hostile
    main()
"""


def test_hostile_answers_end_no_run_and_change_no_byte_of_its_repetition(tmp_path: Path) -> None:
    write_problems(tmp_path / "data", 4)
    (tmp_path / "mine.py").write_text(CODE)
    command = [sys.executable, str(tmp_path / "mine.py"), "run", "--engine", "scripted", "--model", "hostile"]
    command += ["--data-dir", "data", "--strategy", "majority-vote:samples=6", "--timeout", "20", "--out", "run"]

    def run() -> bytes:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=240)
        assert done.returncode in (0, 1), done.stderr
        assert "Traceback" not in done.stderr
        return (tmp_path / "run" / "records.jsonl").read_bytes()

    first = run()
    assert first.count(b"\n") == 4
    assert run() == first
