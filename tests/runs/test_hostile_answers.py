"""Claim: a model may answer whatever it likes: scoring ends within the run, and a repetition gives the same bytes."""

from __future__ import annotations

import _thread
import json
import signal
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from tests import forked
from tests.engines.drawing import Next, ids_of, words
from tests.engines.serving import serving
from tests.runs.killable import write_problems
from tests.tiny import make_tiny
from tts_bench.cli import main as root

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
    command = ["run", "--engine", "scripted", "--model", "hostile"]
    command += ["--data-dir", "data", "--strategy", "majority-vote:samples=6", "--timeout", "20", "--out", "run"]

    def run() -> bytes:
        done = forked.run(CODE, *command, cwd=tmp_path, timeout=240)
        assert done.returncode in (0, 1), done.stderr
        assert "Traceback" not in done.stderr
        return (tmp_path / "run" / "records.jsonl").read_bytes()

    first = run()
    assert first.count(b"\n") == 4
    assert run() == first


SERVED = (r"\sum_{n=1}^{10^{12}} n^{n}", r"\prod_{n=1}^{10^9} n", r"9^{9^{9^{9}}}", r"\int_0^1 x^{x^{x^{x}}}\,dx")


def hostile(folder: Path, answers: Sequence[str]) -> Next:
    """A served model that hardly thinks, and answers with one of `answers`; elsewhere it draws letters."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    letters = words(tokenizer)
    start, end = ids_of(tokenizer, ("<think>", "</think>"))
    spelled = [[*tokenizer.encode(rf"\boxed{{{answer}}}"), tokenizer.eos_token_id] for answer in answers]

    def draw(ids: Sequence[int], body: dict[str, Any], place: int) -> int:
        prompt = list(ids[: len(ids) - place])
        if start not in prompt:
            return letters(ids, body, place)
        if end not in prompt:
            return end
        said = spelled[(body["seed"] or 0) % len(spelled)]
        return int(said[min(place, len(said) - 1)])

    return draw


@pytest.mark.slow
def test_a_run_on_a_served_model_that_gives_them_ends_and_an_interrupted_one_resumes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_problems(tmp_path / "data", 2)
    folder = make_tiny(tmp_path / "tokenizer")
    with serving(folder, draw=hostile(folder, SERVED)) as server:
        command = ["run", "--engine", "openai", "--base-url", server.url, "--model", "served"]
        command += ["--tokenizer", str(folder), "--data-dir", "data", "--strategy", "majority-vote:samples=6"]
        command += ["--thinking", "think-tags", "--timeout", "20", "--out", "run"]
        replies = count()

        def interrupt(body: dict[str, Any]) -> str:
            if len(body["prompt"]) > 30 and next(replies) == 9:  # the probes' prompts are shorter
                _thread.interrupt_main()
            return ""

        server.mood = interrupt
        before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
        try:
            assert root._run(command) == 130
        finally:
            signal.signal(signal.SIGINT, before)
        assert "repeat the command to resume" in capsys.readouterr().err
        assert root._run(command) == 0
    records = [json.loads(line) for line in (tmp_path / "run" / "records.jsonl").read_text().splitlines()]
    texts = "".join(segment["text"] for record in records for segment in record["segments"])
    assert {answer for answer in SERVED if answer in texts} == set(SERVED), texts
    assert [record["error"] for record in records] == [None] * 2
    assert [answer["scores"] for record in records for answer in record["answers"]] == [
        {"strict": 0.0, "lenient": 0.0}
    ] * 12
