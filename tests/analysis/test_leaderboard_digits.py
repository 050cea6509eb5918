"""No digit of an entry, a page or a run's records is another without being found and named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.analysis.boards import findings, made
from tts_bench.errors import UserError
from tts_bench.present.leaderboard.board import Finding, read_entry


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("made"))


def digits(path: Path) -> list[int]:
    return [place for place, char in enumerate(path.read_text("utf-8")) if char.isdigit()]


def with_other_digit(text: str, place: int, step: int) -> str:
    return f"{text[:place]}{(int(text[place]) + step) % 10}{text[place + 1 :]}"


def field_of(text: str, place: int) -> str:
    """The path of the field around a place in an entry, found by putting a mark there."""
    marked = text[:place] + "\ue000" + text[place + 1 :]
    keys: list[str] = []
    for line in marked.splitlines():
        if found := re.match(r'( +)"(.*?)": ', line):
            keys[len(found[1]) - 1 :] = [found[2]]
        if "\ue000" in line:
            return ".".join(keys).replace("\ue000", text[place])
    raise AssertionError(place)


def check_named(found: str, path: Path, before: str, after: str, place: int) -> None:
    """The finding names the file, and of a page the line, of an entry the field or one of the same part."""
    line = after.count("\n", 0, place) + 1
    if path.parent.name != "entries":
        assert re.match(rf"{re.escape(str(path))}, line {line}\b", found), found
        return
    if "Invalid JSON" in found:  # a number that begins with 0
        assert f" at line {line} column " in found
        return
    named = re.match(r"(?:, line \d+)?, ([^:]*(?::[^ ][^:]*)*): ", found.removeprefix(str(path)))
    assert named, found
    here = field_of(before, place)
    assert named[1].startswith(here.rpartition(".")[0]) or here.startswith(named[1].rpartition(".")[0]), (found, here)


@settings(max_examples=120, derandomize=True)
@given(data=st.data())
def test_any_other_digit_in_an_entry_or_a_page_is_found_and_named(board: Path, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(sorted(path for path in board.rglob("*") if path.is_file())))
    place = data.draw(st.sampled_from(digits(path)))
    before = path.read_text("utf-8")
    after = with_other_digit(before, place, data.draw(st.integers(1, 9)))
    path.write_text(after, "utf-8")
    try:
        [found] = findings(board)
    finally:
        path.write_text(before, "utf-8")
    check_named(found, path, before, after, place)


@pytest.mark.slow
def test_each_digit_of_an_entry_is_found_and_named_when_it_is_another(board: Path, tmp_path: Path) -> None:
    source = sorted((board / "entries").iterdir())[0]
    (tmp_path / "entries").mkdir()
    path, before = tmp_path / "entries" / source.name, source.read_text("utf-8")
    for place in digits(source):
        after = with_other_digit(before, place, 1 + place % 9)
        path.write_text(after, "utf-8")
        with pytest.raises(Finding) as found:
            read_entry(path)
        check_named(str(found.value), path, before, after, place)


@settings(max_examples=40, derandomize=True)
@given(data=st.data())
def test_any_other_digit_in_the_records_of_a_run_is_found_when_it_is_checked(board: Path, data: st.DataObject) -> None:
    run = board.parent / "runs" / "a"
    path = run / "records.jsonl"
    text = path.read_text("utf-8")
    place = data.draw(st.sampled_from(digits(path)))
    path.write_text(with_other_digit(text, place, data.draw(st.integers(1, 9))), "utf-8")
    try:
        [found] = findings(board, run)
    except UserError as error:  # what the records give is not what the run left, or they are no records any more
        found = str(error)
    finally:
        path.write_text(text, "utf-8")
    assert str(run) in found
    assert found.startswith(str(run)) or re.search(r"entries/adder-\w+\.json, line \d+, .*; the records in", found)
