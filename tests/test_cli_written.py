"""Claim: no verb writes over what a run or a study is read from."""

# ruff: noqa: F811 - fixtures are imported by name
from __future__ import annotations

from pathlib import Path

import pytest

from tests.refusals import SMALL, contents, place, rows, write_data  # noqa: F401 - fixtures
from tts_bench.cli import main as root


@pytest.fixture
def run(place: Path) -> Path:
    write_data(rows())
    assert root._run(["run", *SMALL, "--strategy", "majority-vote:samples=2", "-q"]) == 0
    Path("runs/study.toml").write_text("")
    return Path("runs/mine")


@pytest.mark.parametrize(
    ("words", "out"),
    [
        (["export", "runs/mine", "--to", "jsonl"], "runs/mine/records.jsonl"),
        (["compare", "runs/mine"], "runs/mine/run.json"),
        (["curves", "runs/mine"], "runs/mine/curve.json"),
        (["export", "runs/mine"], "runs/generations.sqlite"),
        (["export", "runs/mine"], "runs/study.toml"),
    ],
)
def test_a_file_that_a_run_or_a_study_is_read_from_is_refused(
    run: Path, capsys: pytest.CaptureFixture[str], words: list[str], out: str
) -> None:
    before = contents(Path())
    assert root._run([*words, "--out", out]) == 2
    said = capsys.readouterr().err
    assert f"--out {out} belongs to {Path(out).parent}, which nothing could read without it. Give another file." in said
    assert contents(Path()) == before


def test_a_link_to_such_a_file_is_refused_too(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("link.json").symlink_to(run.absolute() / "curve.json")
    before = contents(Path())
    assert root._run(["compare", str(run), "--out", "link.json"]) == 2
    assert f"--out link.json belongs to {run.absolute()}, which" in capsys.readouterr().err
    assert contents(Path()) == before


def test_another_file_beside_them_is_written_and_so_is_a_pipe(run: Path) -> None:
    for out in (run / "mine.json", Path("/dev/null")):
        assert root._run(["compare", str(run), "--out", str(out)]) == 0
    assert (run / "mine.json").stat().st_size
    assert Path("/dev/null").is_char_device()
