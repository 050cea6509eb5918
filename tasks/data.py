"""Rows of the tasks' data sets: from a data folder, from this package, or from the hub, checked against a schema."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

from tts_bench import foreign
from tts_bench.errors import UserError
from tts_bench.tasks.catalog import Split, TaskInfo, describe
from tts_bench.tasks.golds import answers

ENVIRONMENT = "TTS_BENCH_DATA"  # names the data folder where none is given

Row = dict[str, Any]

_KINDS = {
    str: "a text", int: "a whole number", float: "a number", bool: "true or false", list: "a list",
    dict: "an object", type(None): "null",
}  # fmt: skip
_UNNAMED = TaskInfo(
    name="", title="", rows=0, licence="", folder="", hub="", columns={"answer": str | int | float}, unique=()
)


@dataclass(frozen=True)
class Rows:
    """The rows of one split, and what a record says of where they came from."""

    rows: list[Row]
    sha256: str  # of the JSON Lines bytes
    source: str  # "shipped", the file's path, or the hub's id


def load_rows(name: str, split: Split = "test", data_dir: Path | None = None) -> Rows:
    """All rows of a split, in the order of their file.

    A file FOLDER/SPLIT.jsonl below `data_dir` (or below the folder that TTS_BENCH_DATA names) wins over what is
    shipped; what is neither there nor shipped comes from the hub.

    Raises:
        UserError: no such task, split or data folder, data that cannot be had, or rows that do not fit the schema.
    """
    info = describe(name)
    if split not in info.splits:
        raise UserError(f"{name} has no split {split!r}; it has {' and '.join(info.splits)}.")
    file = _file(info, split, data_dir)
    if file is not None:
        return _parse(info, _read(file), str(file))
    if split in info.shipped:
        return _parse(info, _shipped(info, split), "shipped")
    return _from_hub(info, split)


def load_file(file: Path) -> Rows:
    """All rows of a JSON Lines file of anyone's: `question` or `problem`, and `answer`.

    The answer is a string or a number; of a string that has `####`, as in GSM8K, it is what stands after that.

    Raises:
        UserError: it cannot be read, or rows that do not fit.
    """
    raw = _read(file)
    first = _row(_UNNAMED, raw.partition(b"\n")[0], f"{file}, line 1") if raw.strip() else {}
    asked = "problem" if "problem" in first else "question"
    return _parse(replace(_UNNAMED, columns={asked: str, **_UNNAMED.columns}, unique=(asked,)), raw, str(file))


def data_folder(data_dir: Path | None) -> Path | None:
    """The folder that `data_dir` or else TTS_BENCH_DATA names, if one of them does.

    Raises:
        UserError: it does not exist or is a file.
    """
    folder = data_dir or (Path(os.environ[ENVIRONMENT]) if os.environ.get(ENVIRONMENT) else None)
    if folder is not None and not folder.is_dir():
        found = "is a file" if folder.exists() else "does not exist"
        raise UserError(f"The data folder {folder} {found}; expected a folder that holds TASK/test.jsonl.")
    return folder


def _file(info: TaskInfo, split: Split, data_dir: Path | None) -> Path | None:
    """The data folder's file, if there is one."""
    folder = data_folder(data_dir)
    if folder is None:
        return None
    file = folder / info.folder / f"{split}.jsonl"
    return file if file.exists() else None


def _read(file: Path) -> bytes:
    try:
        return foreign.read(file)
    except (OSError, ValueError) as error:
        raise UserError(f"{file} cannot be read: {getattr(error, 'strerror', None) or error}.") from error


def _shipped(info: TaskInfo, split: Split) -> bytes:
    folder = files("tts_bench.tasks")
    entry = json.loads((folder / "manifest.json").read_text("utf-8"))[manifest_key(info.name, split)]
    try:
        raw = gzip.decompress((folder / entry["file"]).read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"The data shipped for {info.name} is damaged ({error}). Install tts-bench again.") from error
    if hashlib.sha256(raw).hexdigest() != entry["sha256"]:
        raise UserError(f"The data shipped for {info.name} does not have its SHA-256. Install tts-bench again.")
    return raw


def manifest_key(name: str, split: Split) -> str:
    """Where the manifest of shipped data speaks of a split."""
    return name if split == "test" else f"{name}.{split}"


def _from_hub(info: TaskInfo, split: Split) -> Rows:
    import datasets

    try:
        parts = [datasets.load_dataset(info.hub, config, split=split) for config in info.hub_configs]
    except Exception as error:  # whatever the hub's client meets: no network, no such set, a full disk
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UserError(
            f"{info.name} is not shipped with tts-bench, no data folder holds {info.folder}/{split}.jsonl, and the hub "
            f"gave no {info.hub}: {reason}. Give --data-dir (or {ENVIRONMENT}) a folder that holds that file."
        ) from error
    rows = [dict(row) for part in parts for row in part]
    if info.name == "aime24":  # the hub's set holds three years
        rows = [row for row in rows if "2024_AIME" in str(row.get("url"))]
    lines = (json.dumps(row, ensure_ascii=False, sort_keys=True, default=str) for row in rows)
    return _parse(info, "".join(line + "\n" for line in lines).encode(), info.hub)


def _parse(info: TaskInfo, raw: bytes, source: str) -> Rows:
    where = f"the data of {info.name} ({source})" if source in ("shipped", info.hub) else source
    if not raw.strip():
        raise UserError(f"{where} is empty; expected one JSON object a line with the columns {_list(info.columns)}.")
    seen: dict[tuple[str, Any], int] = {}
    rows = []
    for number, line in enumerate(raw.removesuffix(b"\n").split(b"\n"), 1):
        row = _row(info, line, f"{where}, line {number}")
        for column in info.unique:
            if column not in row:
                continue
            first = seen.setdefault((column, row[column]), number)
            if first != number:
                raise UserError(f"{where}, line {number}: its {column!r} is that of line {first}; each may occur once.")
        rows.append(row)
    return Rows(rows, hashlib.sha256(raw).hexdigest(), source)


def _row(info: TaskInfo, line: bytes, where: str) -> Row:
    try:
        line.decode()
        row = foreign.parse(line)
    except UnicodeDecodeError as error:
        raise UserError(f"{where} is not UTF-8 (byte {error.start + 1} of the line); save it as UTF-8.") from error
    except ValueError as error:
        raise UserError(f"{where} is not JSON ({error}); expected an object a line. Is the file cut off?") from error
    if not isinstance(row, dict):
        raise UserError(f"{where} is a JSON {foreign.json_kind(row)}; expected an object with {_list(info.columns)}.")
    for column, kind in info.columns.items():
        if column not in row:
            raise UserError(f"{where} has no column {column!r}; it has {_list(row)}, expected {_list(info.columns)}.")
        kinds = get_args(kind) or (kind,)
        if type(row[column]) not in kinds:  # True is an int, but no answer
            wanted = " or ".join(_KINDS[each] for each in kinds)
            raise UserError(f"{where}: column {column!r} holds {_KINDS[type(row[column])]}; expected {wanted}.")
    for column in info.unique:
        if not isinstance(row.get(column, ""), str | int):
            raise UserError(
                f"{where}: column {column!r} holds {_KINDS[type(row[column])]}; expected a text or a whole number."
            )
    if info.name and "question" in info.columns and "####" not in row["answer"]:
        raise UserError(f"{where}: column 'answer' has no '#### N' at its end; expected the gold answer there.")
    if "answer" not in info.columns and not ("\\boxed" in row["solution"] or "\\fbox" in row["solution"]):
        raise UserError(f"{where}: column 'solution' has no \\boxed{{...}}; expected the gold answer there.")
    if not answers(row):
        column = "answer" if "answer" in info.columns else "solution"
        raise UserError(f"{where}: the gold answer in column {column!r} is empty. Give the row an answer or delete it.")
    return row


def _list(columns: Iterable[str]) -> str:
    return ", ".join(columns)
