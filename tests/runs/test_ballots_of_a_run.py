"""Claim: the ballots of a run are the scorer's classes: in votes, in what a plugin is told, in records and curves."""

from __future__ import annotations

import io
import json
from collections import Counter
from pathlib import Path

import pytest
from rich.console import Console

from tts_bench.analysis.runs import read_run
from tts_bench.analysis.series import curve_of, series_of
from tts_bench.config import ModelConfig, RunConfig
from tts_bench.engines.scripted import END, END_THINK, SCRIPTS, THINK, Draw
from tts_bench.present.progress import Progress
from tts_bench.records import Record, from_line
from tts_bench.runs.run import prepare

# Four say 18 in other words, and four are true equations that say something else.
SAID = ("18", r"9\times2=18", r"\text{Profit}=\$18", "x = 18", r"9\times3=27", "7+5=12", "3+4=7", "2+2=4")
CLASSES = {"18", "27", "12", "7", "4"}
MINE = """
from collections import Counter
from dataclasses import dataclass


@dataclass(frozen=True)
class Mode:
    async def solve(self, problem, reasoner):
        branches = [reasoner.branch(str(index)) for index in range(24)]
        answers = [await branch.answer(await branch.think()) for branch in branches]
        [(most, _)] = Counter(answer.extracted for answer in answers).most_common(1)
        yield reasoner.vote([answer for answer in answers if answer.extracted == most])
"""


def says(text: str, draw: Draw) -> str:
    if END_THINK not in text.rpartition(THINK)[2]:
        return "so" + END_THINK
    return rf"\boxed{{{SAID[int(draw(0) * len(SAID))]}}}" + END


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A finished run of majority vote and of a plugin that counts what it is told, on three problems."""
    monkeypatch.setitem(SCRIPTS, "says", says)
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "data" / "gsm8k").mkdir(parents=True)
    rows = [{"question": f"What is {part} and the rest of 18?", "answer": "#### 18"} for part in range(3)]
    (tmp_path / "data" / "gsm8k" / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    strategies = ("majority-vote:samples=24", f"{tmp_path / 'mine.py'}:Mode")
    model = ModelConfig(model="says", engine="scripted")
    ready = prepare(RunConfig(model, ("gsm8k",), strategies, data_dir=tmp_path / "data"), tmp_path / "run")
    with Progress(len(ready.items), list(ready.labels.values()), Console(file=io.StringIO())) as progress:
        ready.execute(progress)
    return tmp_path / "run"


def ballots(record: Record) -> list[str | None]:
    return [part.extracted for part in record.segments if part.kind == "answer"]


def test_true_equations_do_not_win_a_vote_against_the_value_that_most_samples_say(run: Path) -> None:
    records = [from_line(line) for line in (run / "records.jsonl").read_text().splitlines()]
    assert len(records) == 6
    for record in records:
        assert set(ballots(record)) <= CLASSES
        [(most, _)] = Counter(ballots(record)).most_common(1)
        last = record.answers[-1]
        assert (last.extracted, most, last.scores["strict"]) == ("18", "18", 1.0)
    for one in series_of([read_run(run)])[0]:
        assert curve_of([one])[-1].accuracy == 1.0
