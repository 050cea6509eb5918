"""`tts-bench leaderboard build | check`: the same bytes every time, and every change is found and named."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.analysis.boards import edit, entry, findings, made, other_seed, run_folder
from tests.refusals import MAIN, check_message, contents
from tts_bench.analysis.curve import read_curve
from tts_bench.cli import main as root
from tts_bench.cli.main import parses
from tts_bench.errors import UserError
from tts_bench.present.leaderboard.board import Board
from tts_bench.present.leaderboard.entry import Entry, render
from tts_bench.present.leaderboard.making import name_of

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("made"))


@pytest.fixture
def copy(board: Path, tmp_path: Path) -> Path:
    shutil.copytree(board, tmp_path / "board")
    return tmp_path / "board"


def relative(folder: Path) -> dict[Path, bytes | None]:
    return {path.relative_to(folder): data for path, data in contents(folder).items()}


def test_the_leaderboard_of_this_repository_is_as_it_was_made() -> None:
    assert findings(ROOT / "leaderboard") == []


def test_the_entry_of_the_real_run_says_what_its_published_curve_says() -> None:
    [path] = (ROOT / "leaderboard" / "entries").glob("qwen2.5-coder-0.5b-ff3b2b29.json")
    held = Entry.model_validate_json(path.read_text("utf-8"))
    _, curve = read_curve(ROOT / "docs" / "results" / "qwen2.5-coder-0.5b" / "curve.json")
    assert sum(len(line.rungs) for task in held.tasks.values() for line in task.strategies.values()) == len(curve) == 22
    for point in curve:
        rung = held.tasks[point.task].strategies[point.strategy].rungs[point.rung]
        for name in ("accuracy", "low", "high", "generated", "sequential", "prompt", "forced", "flops", "cues"):
            assert getattr(rung, name) == pytest.approx(getattr(point, name), rel=1e-12), name
        assert (rung.truncated, rung.no_answer) == (point.truncated, point.no_answer)


def test_the_same_entries_give_the_same_bytes_in_every_process_and_order(board: Path, tmp_path: Path) -> None:
    for place, hashing in enumerate(("0", "77")):
        folder = tmp_path / f"board{place}"
        (folder / "entries").mkdir(parents=True)
        for path in sorted((board / "entries").iterdir(), reverse=bool(place)):
            shutil.copy(path, folder / "entries")
        command: list[str | Path] = [sys.executable, "-c", MAIN, "leaderboard", "build", "--folder", folder]
        subprocess.run(command, check=True, env={**os.environ, "PYTHONHASHSEED": hashing}, stdout=subprocess.DEVNULL)
        assert relative(folder) == relative(board)


def test_building_again_changes_nothing_and_an_entry_made_again_is_the_same(board: Path, tmp_path: Path) -> None:
    before = relative(board)
    Board(board, parses).build()
    assert relative(board) == before
    assert relative(made(tmp_path / "again")) == before
    assert findings(board, *(board.parent / "runs").iterdir()) == []


@pytest.mark.parametrize(
    ("column", "taken"), [("low", True), ("high", True), ("accuracy", False), ("generated", False)]
)
def test_a_run_of_a_version_with_other_intervals_is_taken_and_one_with_other_measures_is_not(
    board: Path, tmp_path: Path, column: str, taken: bool
) -> None:
    run = shutil.copytree(board.parent / "runs" / "a", tmp_path / "a")
    curve = json.loads((run / "curve.json").read_text())
    for point in curve["points"]:
        point[column] = point[column] * 0.99
    (run / "curve.json").write_text(json.dumps(curve))
    if taken:
        assert findings(board, run) == findings(board)
    else:
        with pytest.raises(UserError, match="was changed after its run"):
            findings(board, run)


def reseal(folder: Path) -> None:
    """Give every problem of a rung another verdict and put the accuracy right: the digests still tell."""
    path = sorted((folder / "entries").iterdir())[0]
    held = json.loads(path.read_text("utf-8"))
    rung = held["tasks"]["gsm8k"]["strategies"]["baseline:budgets=16+32"]["rungs"]["16"]
    rung["problems"]["score"] = "".join("10"[int(verdict)] for verdict in rung["problems"]["score"])
    rung["accuracy"] = 1 - rung["accuracy"]
    rung["low"], rung["high"] = 1 - rung["high"], 1 - rung["low"]
    path.write_text(json.dumps(held, indent=1) + "\n", "utf-8")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (edit("entries/*", '"seed": ', '"seed":  '), r"line \d+, run.seed: "),
        (edit("entries/*", '"notes": [', '"mood": 1,\n  "notes": ['), "model.mood: Extra inputs"),
        (edit("entries/*", '"limit": 3', '"limit": 3.5'), r"line \d+, run.limit: Input should be a valid integer"),
        (edit("entries/*", '"accuracy": ', '"accuracy": NaN, "x": '), "accuracy"),
        (edit("entries/*", "{", "{{"), r"json, line 1: Invalid JSON"),
        (edit("entries/*", '"seed": ', '"seed": \x07'), r"json, line \d\d: Invalid JSON"),
        (
            edit("entries/*", "adder", "\\u0007adder"),
            r"line \d+, model.name: A text is one line, not blank, without control",
        ),
        (
            edit("entries/*", "adder", "<b>adder"),
            r"line \d+, model.name: A text is one line, not blank, without control",
        ),
        (
            edit("entries/*", "adder", "\\u202eadder"),
            r"line \d+, model.name: A text is one line, not blank, without control",
        ),
        (edit("entries/*", '"label": "', '"label": "`'), r"strategies.*label: A text is one line"),
        (edit("entries/*", '"16": {', '"<16>": {'), r"rungs.<16>.*: A text is one line"),
        (edit("entries/*", '"gsm8k": {', '"gsm8k": {"problems": 3,'), r"line \d+, tasks.gsm8k: "),
        (edit("README.md", "# Leaderboard", "# Leader"), "README.md, line 3: '# Leader'; the entries give"),
        (edit("README.md", "\n## Runs", "\nMy model is best.\n\n## Runs"), r"README.md, line \d+: 'My model is best.'"),
        (reseal, r"line \d+, tasks.gsm8k.*rungs.16"),
        (lambda folder: (folder / "README.md").unlink(), "README.md is missing"),
        (
            lambda folder: (folder / "curves" / "more.svg").write_text("<svg/>"),
            "more.svg belongs to no entry and was made by others: move it away",
        ),
        (lambda folder: (folder / "notes.md").write_text("mine"), "notes.md belongs to no entry"),
        (lambda folder: (folder / "entries" / "notes.txt").write_text("mine"), "notes.txt is not an entry"),
        (lambda folder: (folder / "schema.json").write_bytes(b"\xff"), "schema.json is not UTF-8"),
        (lambda folder: next((folder / "entries").iterdir()).write_bytes(b"\xff"), "is not UTF-8"),
        (lambda folder: sorted((folder / "entries").iterdir())[0].rename(folder / "entries" / "a.json"), "named after"),
        (lambda folder: sorted((folder / "entries").iterdir())[0].unlink(), "line"),
        (
            lambda folder: shutil.copy(sorted((folder / "entries").iterdir())[0], folder / "entries" / "z.json"),
            "z.json should be named after",
        ),
        (lambda folder: (folder / "entries" / "x.json").symlink_to("/etc/hostname"), "leads outside the leaderboard"),
        (
            lambda folder: (
                (folder / "entries").rename(folder.parent / "moved")
                and (folder / "entries").symlink_to(folder.parent / "moved")
            ),
            "entries leads outside the leaderboard, to ",
        ),
    ],
)
def test_whatever_is_not_as_it_was_made_fails_the_check_with_exit_code_2_and_its_place(
    copy: Path, capsys: pytest.CaptureFixture[str], change: Callable[[Path], object], said: str
) -> None:
    change(copy)
    assert root._run(["leaderboard", "check", "--folder", str(copy)]) == 2
    told = capsys.readouterr().err
    assert re.search(said, told), told
    *found, hint = told.splitlines()
    assert "leaderboard build" in hint
    assert all(line.startswith(str(copy)) and len(line) < 900 for line in found)


def test_pages_are_not_built_from_an_entry_that_was_changed(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit("entries/*", '"accuracy": ', '"accuracy": 1')(copy)
    before = contents(copy)
    assert root._run(["leaderboard", "build", "--folder", str(copy)]) == 2
    message = capsys.readouterr().err
    check_message(message)
    assert "Nothing was written" in message
    assert contents(copy) == before


@pytest.mark.parametrize("name", ["index.html", "README.md", "schema.json"])
def test_a_file_that_is_not_ours_is_neither_replaced_nor_removed(
    copy: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    (copy / name).write_text("mine")
    (copy / "notes.md").write_text("mine")
    before = contents(copy)
    assert root._run(["leaderboard", "build", "--folder", str(copy)]) == 2
    message = capsys.readouterr().err
    check_message(message)
    assert f"{copy / name} is not made by" in message
    assert contents(copy) == before


def test_pages_that_lead_outside_the_folder_are_not_written(
    copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(copy / "curves")
    (tmp_path / "outside").mkdir()
    (copy / "curves").symlink_to(tmp_path / "outside")
    assert root._run(["leaderboard", "build", "--folder", str(copy)]) == 2
    message = capsys.readouterr().err
    check_message(message)
    assert "leads outside the leaderboard" in message
    assert list((tmp_path / "outside").iterdir()) == []
    (copy / "board").mkdir()
    (copy / "board" / "entries").symlink_to(tmp_path / "outside")
    run = run_folder(tmp_path / "run")
    assert root._run(["leaderboard", "add", str(run), "--folder", str(copy / "board")]) == 2
    assert "leads outside the leaderboard" in capsys.readouterr().err
    assert list((tmp_path / "outside").iterdir()) == []
    before = contents(copy)
    assert root._run(["leaderboard", "build", "--folder", str(copy / "board")]) == 2  # not an empty leaderboard
    assert "leads outside the leaderboard" in capsys.readouterr().err
    assert contents(copy) == before


def test_curves_of_removed_entries_go_with_the_next_build(tmp_path: Path) -> None:
    board = Board(tmp_path / "board", parses)
    (tmp_path / "board" / "entries").mkdir(parents=True)
    for task in ("sums", "products"):
        held = entry({"a": [0, 1], "b": [1, 1]}, seed=len(task))
        (tmp_path / "board" / "entries" / name_of(held)).write_text(render(held.content()), "utf-8")
    board.build()
    assert len(list((tmp_path / "board" / "curves").iterdir())) == 1
    for path in (tmp_path / "board" / "entries").iterdir():
        path.unlink()
    assert "There is no entry yet." in board.build()[0].read_text("utf-8")
    assert list((tmp_path / "board" / "curves").iterdir()) == []
    assert board.check([]) == (0, [])


def test_two_entries_of_the_same_records_are_found(tmp_path: Path) -> None:
    for number, change in enumerate((None, other_seed)):
        Board(tmp_path / "board", parses).add(run_folder(tmp_path / f"run{number}", change))
    [found] = findings(tmp_path / "board")
    assert re.search(r"run.records: the records of adder-\w+.json again", found)


def test_a_run_without_an_entry_fails_its_check(board: Path, tmp_path: Path) -> None:
    run = run_folder(tmp_path / "run", lambda h: (h.update(seed=5), h["identity"].update(seed=5)))
    [found] = findings(board, run)
    assert "has no entry" in found


def test_a_folder_that_is_not_there_or_is_none_of_a_leaderboard_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "other").mkdir()
    for verb in ("check", "build"):
        for name in ("none", "other"):
            assert root._run(["leaderboard", verb, "--folder", str(tmp_path / name)]) == 2
            check_message(message := capsys.readouterr().err)
            assert "there is no leaderboard at" in message
            assert "Type tts-bench leaderboard add" in message
    assert list((tmp_path / "other").iterdir()) == []
    (tmp_path / "file").write_text("mine")
    run = run_folder(tmp_path / "run")
    assert root._run(["leaderboard", "add", str(run), "--folder", str(tmp_path / "file")]) == 2
    check_message(capsys.readouterr().err)


def test_the_leaderboard_imports_no_torch_and_no_lm_eval(board: Path) -> None:
    code = (
        "import sys; from tts_bench.cli.main import _run; assert not _run(sys.argv[1:]);"
        "print(sorted({'torch', 'transformers', 'lm_eval', 'datasets', 'matplotlib'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code, "leaderboard", "check", "--folder", str(board)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
