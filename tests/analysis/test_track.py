"""Claims about what trackers are given, and about those that are not installed."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from tests.analysis import made_runs
from tts_bench.cli.main import _run
from tts_bench.errors import UserError
from tts_bench.present.results import Results
from tts_bench.present.trackers import kinds
from tts_bench.present.trackers.line import lines


@pytest.fixture
def run(tmp_path: Path) -> Path:
    secret = {"name": "openai", "settings": {"url": "https://ann:secret@host/v1"}}
    return made_runs.write_run(tmp_path / "made", made_runs.solved(), engine=secret)


def test_a_line_has_a_step_for_each_rung_of_its_table_and_no_address(run: Path) -> None:
    (run / "report.html").write_text("<html>")
    table, found = Results(run).table(), lines([run])
    assert [line.params["strategy"] for line in found] == list(dict.fromkeys(table["strategy"]))
    assert [step["accuracy"] for line in found for step in line.rungs] == list(table["accuracy"])
    assert "secret" not in repr([line.params for line in found])
    assert [[file.name for file in line.files] for line in found] == [["report.html"]] + [[]] * 2


def test_a_line_is_the_same_wherever_its_run_is_and_no_other(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "copy")
    ids = [line.id for line in lines([run])]
    assert ids == [line.id for line in lines([tmp_path / "copy"])]
    assert len(set(ids)) == len(ids)
    other = made_runs.write_run(tmp_path / "other", made_runs.solved(9))
    assert not {line.id for line in lines([other])} & set(ids)


@pytest.mark.parametrize("to", kinds.TRACKERS)
def test_a_tracker_that_is_not_installed_is_named_with_what_to_type(
    to: str, run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(kinds, "find_spec", lambda name: None)
    assert _run(["track", str(run), "--to", to]) == 2
    assert f"pip install 'test-time-scaling-bench[{to}]'" in capsys.readouterr().err


def test_what_can_be_chosen_stands_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(["track", "runs/mine"]) == 2
    said = "error: Missing option '--to'. Choose from: mlflow, wandb, trackio. Type tts-bench track --help.\n"
    assert capsys.readouterr().err == said


def test_without_polars_it_is_said_what_to_type(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(UserError, match=r"pip install 'test-time-scaling-bench\[polars\]'"):
        Results(run).to_polars()
