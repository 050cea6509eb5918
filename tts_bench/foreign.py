"""Files that others made, read as data within bounds: no size, nesting or number in them costs more than it weighs.

A file in the place of a folder, a pipe that nobody writes to, ten million brackets or a number with a million digits
become a `ValueError` that says so, before anything is made of them.
"""

from __future__ import annotations

import json
import math
import os
import re
import stat
import sys
from codecs import BOM_UTF8
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tts_bench.errors import UserError

MB = 1 << 20
DOCUMENT = 32 * MB  # bytes of a file of JSON that is read whole
VALUES = 1_000_000  # in one document: they take some hundred bytes each, however few they are written with
CONTAINERS = 50_000  # in a document that is read into a type
LINE, IN_A_LINE = 64 * MB, 4_000_000  # bytes and values of one record: a vote of a thousand long thoughts

_ENORMOUS = re.compile(rb"\d[eE]\+?\d{3}|\d{309}")  # a number that may be too large for a float


def is_file(path: Path) -> bool:
    """Whether there is a file.

    Raises:
        UserError: there is no way to find out: a folder that one may not enter, or a name that is too long.
    """
    try:
        return path.is_file()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}. Give another path.") from error


def read(path: Path, limit: int = DOCUMENT) -> bytes:
    """The bytes of a file, without the byte order mark that some editors begin it with.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not a regular file (a pipe, a device, a folder), or it has more than `limit` bytes.
    """
    check_size(path, limit)
    return path.read_bytes().removeprefix(BOM_UTF8)


def check_size(path: Path, limit: int = DOCUMENT) -> int:
    """The size of a file that may be read.

    Raises:
        OSError, ValueError: as `read`.
    """
    found = os.stat(path)
    if not stat.S_ISREG(found.st_mode):
        raise ValueError("it is not a regular file")
    if found.st_size > limit:
        raise ValueError(f"it has {found.st_size:,} bytes; at most {limit:,} are read")
    return found.st_size


def lines(path: Path, start: int = 0) -> Iterator[bytes]:
    """The lines of a file from byte `start` on, their line breaks included.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not a regular file, or a line has more than `LINE` bytes or `IN_A_LINE` values.
    """
    check_size(path, sys.maxsize)
    with path.open("rb") as file:
        file.seek(start)
        while line := file.readline(LINE + 1):
            if len(line) > LINE or line.count(b",") > IN_A_LINE:
                raise ValueError(f"a line has more than {LINE:,} bytes or {IN_A_LINE:,} values")
            yield line


def check_containers(raw: bytes) -> None:
    """For what pydantic reads into a type: a value of an unknown field takes it a kilobyte, however short it is.

    Raises:
        ValueError: more than `CONTAINERS` braces and brackets.
    """
    if raw.count(b"[") + raw.count(b"{") > CONTAINERS:
        raise ValueError(f"it holds more than {CONTAINERS:,} lists and objects")


def parse(raw: bytes, *, constants: bool = False) -> Any:  # noqa: ANN401 - JSON
    """The JSON value that `raw` is; with `constants`, NaN, Infinity and -Infinity in it are numbers.

    Raises:
        ValueError: no JSON in UTF-8, nested more than 200 deep, more than a million values, or a number that is not
            finite.
    """
    from pydantic_core import from_json  # its nesting is bounded; the standard library's ends in a RecursionError

    if raw.count(b",") + raw.count(b"[") + raw.count(b"{") > VALUES:
        raise ValueError(f"it holds more than {VALUES:,} values")
    value = from_json(raw, allow_inf_nan=constants)
    if _ENORMOUS.search(raw):
        json.loads(raw, parse_int=_finite, parse_float=_finite)
    return value


def _finite(text: str) -> None:
    if not math.isfinite(float(text)):
        raise ValueError("it holds a number that is not finite")


def json_kind(value: object) -> str:
    """What a JSON value is called."""
    names = {dict: "object", list: "list", str: "text", bool: "truth value", int: "number", float: "number"}
    return names.get(type(value), "null")


def document(path: Path, limit: int = DOCUMENT) -> dict[str, Any]:
    """The JSON object that a file holds.

    Raises:
        OSError, ValueError: as `read` and `parse`; or it is no object.
    """
    value = parse(read(path, limit))
    if not isinstance(value, dict):
        raise ValueError(f"it holds a JSON {json_kind(value)}; expected an object")
    return value
