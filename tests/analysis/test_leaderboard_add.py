"""`tts-bench leaderboard add`: which runs it takes, and which it refuses with nothing written."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.analysis.boards import Header, edit, run_folder, second_run
from tests.analysis.run_folders import FIXTURES
from tests.refusals import check_message, contents
from tts_bench.cli import main as root
from tts_bench.cli.main import parses
from tts_bench.present.leaderboard.board import Board
from tts_bench.records import from_line, to_line


def drop(keep: Callable[[Any], bool]) -> Callable[[Path], None]:
    def change(run: Path) -> None:
        path = run / "records.jsonl"
        lines = [line for line in path.read_text("utf-8").splitlines(keepends=True) if keep(from_line(line))]
        path.write_text("".join(lines), "utf-8")

    return change


def header(change: Callable[[Header], object]) -> Callable[[Path], None]:
    def write(run: Path) -> None:
        held = json.loads((run / "run.json").read_text("utf-8"))
        change(held)
        (run / "run.json").write_text(json.dumps(held), "utf-8")

    return write


def with_error(run: Path) -> None:
    path = run / "records.jsonl"
    lines = path.read_text("utf-8").splitlines(keepends=True)
    lines[0] = to_line(from_line(lines[0].replace('"error":null', '"error":{"kind":"raised","message":"no"}')))
    path.write_text("".join(lines), "utf-8")


def second_schema(run: Path) -> None:
    path = run / "records.jsonl"
    lines = path.read_text("utf-8").splitlines(keepends=True)
    older = (run.parents[0] / "older.jsonl").read_text("utf-8").splitlines(keepends=True)
    path.write_text("".join([*lines[:-1], older[-1]]), "utf-8")


REFUSED: dict[str, tuple[Callable[[Path], object], str]] = {
    "no run": (shutil.rmtree, "is not a run folder"),
    "not finished": (header(lambda h: h.update(status="running")), r"not finished \(running\)"),
    "errors, says the header": (header(lambda h: h.update(errors=2)), "holds 2 errors"),
    "errors, say the records": (with_error, "has 1 errors on gsm8k"),
    "a problem is missing": (drop(lambda r: r.doc_id != 1 or "vote" not in r.strategy), "has 2 of 3 problems of gsm8k"),
    "a strategy is missing": (drop(lambda r: "vote" not in r.strategy), "'majority-vote.* has 0 of 3 problems"),
    "the last problem is missing": (drop(lambda r: r.doc_id != 2), "is incomplete: 'baseline.* has 2 of 3 problems"),
    "no record": (drop(lambda r: False), "has no records"),
    "cut off": (lambda run: os.truncate(run / "records.jsonl", 9000), r"records.jsonl, line \d+: the last line is cut"),
    "two schemas": (second_schema, "has schema 1, lines before it 2: the file holds several runs"),
    "another run's strategy": (
        header(lambda h: h["identity"]["strategies"].pop()),
        r"records.jsonl, line 3: .* belongs to another run",
    ),
    "another score": (edit("records.jsonl", '"strict":1.0', '"strict":0.0'), "records.jsonl does not give what curve"),
    "another cost": (edit("records.jsonl", '"forced":', '"forced":1'), "records.jsonl does not give what curve.json"),
    "another curve": (edit("curve.json", '"n": 3', '"n": 4'), "records.jsonl does not give what curve.json says"),
    "no curve": (lambda run: (run / "curve.json").unlink(), "cannot read .*curve.json"),
    "other records": (
        header(lambda h: h.update(records_sha256="0" * 64)),
        "its SHA-256 differs from the one in run.json",
    ),
    "another model": (header(lambda h: h["model"].update(fingerprint="0" * 64)), "gives two values for model"),
    "other data": (header(lambda h: h["data"]["gsm8k"].update(sha256="0" * 64)), "two values for data of gsm8k"),
    "another seed": (header(lambda h: h.update(seed=7)), "two values for seed"),
    "a header without its command": (header(lambda h: h.pop("command")), "not as written by a run .'command'"),
    "a model that is a list": (header(lambda h: h.update(model=[])), "model: Input should be a valid dictionary"),
    "a control character": (
        header(lambda h: h.update(command="tts-bench\x1b[2J")),
        "run.command is .*one line of plain words",
    ),
    "a line break": (header(lambda h: h.update(command="tts-bench\nrun")), "run.command is .*one line of plain words"),
    "markup": (header(lambda h: h["model"].update(name="<script>x")), "model.name is .*without control or invisible"),
    "writing that turns": (header(lambda h: h["model"].update(source="a\u202eb")), "model.source is .*without control"),
    "an invisible character": (header(lambda h: h["model"].update(notes=["a\u200bb"])), "model.notes.0 is .*without"),
    "a blank name": (header(lambda h: h["model"].update(name=" ")), "model.name is ' '. A text is one line, not blank"),
    "an empty name": (header(lambda h: h["model"].update(name="")), "model.name is ''. .* at least 1 character"),
    "an endless name": (header(lambda h: h["model"].update(name="x" * 5000)), "at most 4000 characters"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_run_that_is_not_whole_and_untouched_is_refused_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    change, said = REFUSED[case]
    run = run_folder(tmp_path / "run")
    shutil.copy(FIXTURES / "run-schema-1" / "records.jsonl", tmp_path / "older.jsonl")
    change(run)
    before = contents(tmp_path)
    assert root._run(["leaderboard", "add", str(run), "--folder", str(tmp_path / "board")]) == 2
    message = capsys.readouterr().err
    check_message(message)
    assert re.search(said, message), message
    assert contents(tmp_path) == before


def test_a_run_whose_records_fit_the_digest_in_its_header_is_taken(tmp_path: Path) -> None:
    from tts_bench.files import sha256_of

    run = run_folder(tmp_path / "run")
    header(lambda h: h.update(records_sha256=sha256_of(run / "records.jsonl")))(run)
    assert Board(tmp_path / "board", parses).add(run).is_file()


def test_a_run_is_added_once_and_another_with_its_settings_is_refused_with_what_differs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, board = run_folder(tmp_path / "run"), tmp_path / "board"
    command = ["leaderboard", "add", str(run), "--folder", str(board)]
    assert root._run(command) == 0
    path = capsys.readouterr().out.split()[2].rstrip(".")
    before = contents(tmp_path)
    assert root._run(command) == 2
    assert f"{path} is a run of the same settings: the same records" in capsys.readouterr().err
    second_run(tmp_path / "other")
    header(lambda h: (h.update(seed=0), h["identity"].update(seed=0)))(tmp_path / "other")
    assert root._run([*command[:2], str(tmp_path / "other"), *command[3:]]) == 2
    assert re.search(r"same settings: .*json, line \d+, run.records: .*; this run gives", capsys.readouterr().err)
    assert {name: data for name, data in contents(tmp_path).items() if name in before} == before
