"""Rows come from where they should, and a bad file is named with its line."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import pytest

from tests.tasks.samples import ROWS, write
from tts_bench.errors import UserError
from tts_bench.tasks.catalog import describe, names
from tts_bench.tasks.data import load_rows, manifest_key

GOOD = [json.dumps(row).encode() for row in ROWS["math500"]]


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TTS_BENCH_DATA", raising=False)


def without(column: str) -> bytes:
    return json.dumps({key: value for key, value in ROWS["math500"][0].items() if key != column}).encode()


def changed(**columns: object) -> bytes:
    return json.dumps({**ROWS["math500"][0], **columns}).encode()


@pytest.mark.parametrize(
    ("lines", "line", "says"),
    [
        ([], None, "is empty"),
        ([b"", b""], None, "is empty"),
        ([*GOOD, GOOD[0][:50]], 4, "cut off"),
        ([GOOD[0], b"", GOOD[1]], 2, "not JSON"),
        ([GOOD[0], b"\xff\xfe" + GOOD[1]], 2, "not UTF-8"),
        ([b"[1]"], 1, "JSON list"),
        ([*GOOD, without("answer")], 4, "no column 'answer'"),
        ([*GOOD, without("unique_id")], 4, "no column 'unique_id'"),
        ([changed(level="1")], 1, "'level' holds a text; expected a whole number"),
        ([changed(answer=5)], 1, "'answer' holds a whole number; expected a text"),
        ([changed(problem=None)], 1, "'problem' holds null; expected a text"),
        ([*GOOD, changed(problem="another")], 4, "'unique_id' is that of line 1"),
        ([*GOOD, changed(unique_id="another")], 4, "'problem' is that of line 1"),
    ],
)
def test_a_bad_data_file_is_named_with_its_line(
    tmp_path: Path, lines: list[bytes], line: int | None, says: str
) -> None:
    file = tmp_path / "math500" / "test.jsonl"
    file.parent.mkdir()
    file.write_bytes(b"\n".join(lines))
    with pytest.raises(UserError, match=says) as error:
        load_rows("math500", data_dir=tmp_path)
    assert str(file) in str(error.value)
    assert line is None or f"line {line}" in str(error.value)


def test_a_row_without_a_gold_answer_is_refused(tmp_path: Path) -> None:
    write(tmp_path, {"gsm8k": [{"question": "What?", "answer": "42"}]})
    with pytest.raises(UserError, match=r"line 1.*####"):
        load_rows("gsm8k", data_dir=tmp_path)
    write(tmp_path, {"math": [{**ROWS["math"][0], "solution": "It is 42."}]})
    with pytest.raises(UserError, match=r"line 1.*boxed"):
        load_rows("hendrycks_math", data_dir=tmp_path)


def test_a_repeated_question_of_gsm8k_is_refused(tmp_path: Path) -> None:
    write(tmp_path, {"gsm8k": [*ROWS["gsm8k"], ROWS["gsm8k"][0]]})
    with pytest.raises(UserError, match="line 3: its 'question' is that of line 1"):
        load_rows("gsm8k", data_dir=tmp_path)


def test_a_data_folder_that_is_missing_or_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        load_rows("gsm8k", data_dir=tmp_path / "nowhere")
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="is a file"):
        load_rows("gsm8k", data_dir=tmp_path / "file")


def test_a_file_in_the_data_folder_wins_over_the_shipped_one(tmp_path: Path) -> None:
    folder = write(tmp_path, {"gsm8k": ROWS["gsm8k"]})
    rows = load_rows("gsm8k", data_dir=folder)
    assert rows.rows == ROWS["gsm8k"]
    assert rows.source == str(folder / "gsm8k" / "test.jsonl")
    assert rows.sha256 == hashlib.sha256((folder / "gsm8k" / "test.jsonl").read_bytes()).hexdigest()
    assert load_rows("math500", data_dir=folder).source == "shipped"


def test_the_environment_names_the_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TTS_BENCH_DATA", str(write(tmp_path)))
    assert load_rows("gsm8k").rows == ROWS["gsm8k"]


@pytest.mark.parametrize("name", ["gsm8k", "math500", "pocket_arithmetic", "pocket_flat"])
def test_shipped_data_has_the_rows_and_the_digest_of_the_manifest(name: str) -> None:
    folder = files("tts_bench.tasks")
    entry = json.loads((folder / "manifest.json").read_text())[name]
    rows = load_rows(name)
    assert len(rows.rows) == entry["rows"] == describe(name).rows
    assert (rows.sha256, rows.source) == (entry["sha256"], "shipped")
    if entry["licence"] == "MIT":  # the rest is our own, under the package's licence
        assert "MIT License" in (folder / entry["licence_file"]).read_text()
    packed = (folder / entry["file"]).read_bytes()
    assert packed[4:8] == b"\0\0\0\0", "the archive carries a time"
    assert hashlib.sha256(gzip.decompress(packed)).hexdigest() == entry["sha256"]


def test_only_data_that_may_be_shipped_is_shipped() -> None:
    packed = {file.name for file in files("tts_bench.tasks").iterdir() if file.name.endswith(".gz")}
    ours = {f"pocket_{story}{split}.jsonl.gz" for story in ("arithmetic", "flat") for split in ("", ".train")}
    assert packed == {f"{manifest_key(name, split)}.jsonl.gz" for name in names() for split in describe(name).shipped}
    assert packed == {"gsm8k.jsonl.gz", "math500.jsonl.gz", *ours}


def test_a_split_that_a_task_does_not_have_is_refused() -> None:
    with pytest.raises(UserError, match="no split 'train'"):
        load_rows("math500", "train")


def test_an_unknown_task_gets_a_suggestion() -> None:
    with pytest.raises(UserError, match=r"no task 'gms8k'. Did you mean 'gsm8k'\?"):
        load_rows("gms8k")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[..., object]], None]:
    import datasets

    return lambda answer: monkeypatch.setattr(datasets, "load_dataset", answer)


def test_a_hub_that_cannot_be_reached_says_what_to_type(hub: Callable[..., None], tmp_path: Path) -> None:
    def offline(*_: object, **__: object) -> object:
        raise ConnectionError("no network\nand much more")

    hub(offline)
    with pytest.raises(UserError, match=r"aime25/test\.jsonl.*math-ai/aime25: no network\. Give --data-dir"):
        load_rows("aime25", data_dir=tmp_path)


def test_rows_of_the_hub_are_checked_and_hashed_too(hub: Callable[..., None]) -> None:
    rows = ROWS["aime24"]
    hub(lambda *_, **__: [*rows, {**rows[0], "id": 1, "url": "2023_AIME_I"}])
    loaded = load_rows("aime24")
    assert (loaded.rows, loaded.source) == (rows, "AI-MO/aimo-validation-aime")
    hub(lambda *_, **__: [rows[0], rows[0]])
    with pytest.raises(UserError, match="line 2: its 'id' is that of line 1"):
        load_rows("aime24")
