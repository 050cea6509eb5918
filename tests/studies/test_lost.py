"""Claims about parts whose records are lost, and about a study's folder in the place of a run's."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import tts_bench as tb
from tests.studies.small import SCRIPTED, parts
from tts_bench.cli import main as root
from tts_bench.errors import UserError
from tts_bench.present.study_results import StudyResults
from tts_bench.studies.file import read
from tts_bench.studies.folder import states

STUDY = Path("runs/s")


@pytest.fixture
def played(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """The folder of a study of two parts, both finished, seen from where it was played."""
    monkeypatch.chdir(tmp_path)
    Path("s.toml").write_text(SCRIPTED.replace("[0, 1, 2, 3]", "[0, 1]"))
    assert root._run(["study", "run", "s.toml"]) == 0
    capsys.readouterr()
    return STUDY


def test_a_part_without_its_records_is_not_finished_and_is_played_again(
    played: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = parts(played)
    (played / "parts" / "adder-0" / "records.jsonl").unlink()
    assert [state.kind for state in states(read(played))] == ["begun", "finished"]
    assert root._run(["study", "status", "s.toml"]) == 0
    assert "1 of 2 parts are finished" in capsys.readouterr().out
    assert StudyResults(played).notes == ("1 of 2 parts are finished; adder-0 are not in any number.",)
    assert root._run(["study", "run", "s.toml"]) == 0
    said = capsys.readouterr().out
    assert "adder-1: finished before" in said
    assert "adder-0: finished before" not in said
    assert parts(played) == before


def test_merge_names_a_part_without_its_records_and_makes_nothing(
    played: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(played, "other")
    (played / "parts" / "adder-0" / "records.jsonl").unlink()
    for folders in ([str(played), "other"], ["other", str(played)], [str(played)]):
        assert root._run(["study", "merge", *folders, "--out", "both"]) == 2
        message = capsys.readouterr().err
        assert "runs/s/parts/adder-0 has a run that is finished, but no records.jsonl. Play it again with" in message
        assert "tts-bench study run runs/s, or remove it." in message
    shutil.rmtree(played / "parts" / "adder-0")
    assert root._run(["study", "merge", str(played), "other", "--out", "both"]) == 0
    assert parts(Path("both")) == parts(Path("other"))


@pytest.mark.parametrize(
    "words", ["report", "compare", "watch", "plot --out a.png", "curves", "export --out a.csv", "export --to latex"]
)
def test_a_study_in_the_place_of_a_run_is_called_one(
    played: Path, capsys: pytest.CaptureFixture[str], words: str
) -> None:
    verb, *options = words.split()
    assert root._run([verb, str(played), *options]) == 2
    said = "runs/s is not a run folder: it is a study. Type tts-bench study report runs/s, or give one of its runs, "
    assert f"{said}such as runs/s/parts/adder-0." in " ".join(capsys.readouterr().err.split())


def test_a_program_is_told_of_a_study_alike(tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text(SCRIPTED)
    with pytest.raises(UserError, match=r"it is a study\. Type tts-bench study report .*/parts/NAME\."):
        tb.load(tmp_path)


def test_a_studys_figures_and_seeds_are_checked(played: Path) -> None:
    found = StudyResults(played)
    with pytest.raises(UserError, match="seed is -1; it takes a whole number from 0 upwards"):
        found.compare(seed=-1)
    with pytest.raises(UserError, match=r"a.tex ends in '.tex'; it takes .png, .svg, .pdf\."):
        found.plot("pocket_arithmetic", "a.tex")
    with pytest.raises(UserError, match="the folder no does not exist"):
        found.plot("pocket_arithmetic", "no/a.png")
