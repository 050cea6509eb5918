"""Claim: no verb writes over what a run or a study is read from."""

# ruff: noqa: F811 - fixtures are imported by name
from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.refusals import SMALL, check_message, contents, place, rows, write_data  # noqa: F401 - fixtures
from tests.unprivileged import unprivileged
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


@pytest.mark.parametrize("out", ["gone/x.json", "folder.json", "loop.json", "locked/x.json", f"{'n' * 251}.json"])
@pytest.mark.parametrize("words", [["compare"], ["curves", "--kind", "order"], ["export"]])
def test_a_place_that_cannot_be_written_to_is_refused_before_anything_is_read(
    run: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    out: str,
) -> None:
    Path("loop.json").symlink_to("loop.json")
    Path("folder.json").mkdir()
    Path("locked").mkdir(mode=0o555)
    monkeypatch.setattr("tts_bench.analysis.runs.foreign.document", None)  # who reads a run fails
    before = contents(Path())
    with unprivileged():
        assert root._run([*words, str(run), "--out", out]) == 2
    said = capsys.readouterr().err
    check_message(said)
    assert f"--out {out} cannot be written: " in said
    assert contents(Path()) == before


def test_a_report_goes_into_a_pipe_without_waiting_for_what_the_pipe_holds(run: Path) -> None:
    os.mkfifo("pipe")
    with ThreadPoolExecutor(1) as reader:
        page = reader.submit(Path("pipe").read_bytes)
        assert root._run(["report", str(run), "--out", "pipe"]) == 0
        assert page.result(10).startswith(b"<!doctype html>")
    assert Path("pipe").is_fifo()


def test_a_report_is_not_written_over_what_a_run_is_read_from(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run / "curve.json").unlink()
    Path("link.html").symlink_to(run.absolute() / "curve.json")
    assert root._run(["report", str(run), "--out", "link.html"]) == 2
    assert f"--out link.html belongs to {run.absolute()}, which" in capsys.readouterr().err
    assert not (run / "curve.json").exists()
