"""Files of recorded outputs, whatever tool wrote them: entries, one after the other."""

from __future__ import annotations

import shlex
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tts_bench import foreign
from tts_bench.errors import UserError
from tts_bench.files import sha256_of
from tts_bench.pools import inspect_log, lines, lm_eval_samples
from tts_bench.pools.entry import Entry

_EXPECTED = (
    "expected JSON Lines (.jsonl: lm-eval's samples, or lines with 'question' and 'response'), or a log of Inspect "
    "(.json, .eval)"
)
_GZIP, _UTF16 = b"\x1f\x8b", (BOM_UTF16_LE, BOM_UTF16_BE, b"{\0", b"\0{")


@dataclass(frozen=True)
class Source:
    """One file of recorded outputs."""

    path: Path
    tool: str  # what its format is of
    sha256: str

    def entries(self) -> Iterator[Entry]:
        """What it holds, in its order.

        Raises:
            UserError: something in it is not what it has to be; file and line are named.
        """
        if self.tool == inspect_log.TOOL:
            return inspect_log.archive(self.path) if _is_zip(self.path) else inspect_log.document(self.path)
        return _of_lines(self.path, self.tool)


def source(path: Path) -> Source:
    """What `path` is, by its beginning.

    Raises:
        UserError: it cannot be read, is empty, or is of no format that is known.
    """
    try:
        size = foreign.check_size(path, 1 << 44)
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from error
    if not size:
        raise UserError(f"{path} is empty; {_EXPECTED}.")
    try:
        _check_beginning(path)
        if _is_zip(path) or path.suffix == ".json":
            tool = inspect_log.TOOL
        else:
            first = next(_rows(path))[1]
            tool = lm_eval_samples.TOOL if lm_eval_samples.is_one(first) else lines.TOOL
        return Source(path, tool, sha256_of(path))
    except StopIteration:
        raise UserError(f"{path} holds no line; {_EXPECTED}.") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error


def _beginning(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(64)


def _is_zip(path: Path) -> bool:
    return _beginning(path).startswith(b"PK\3\4")


def _check_beginning(path: Path) -> None:
    """Refuse what is easily mistaken for a file that is read.

    Raises:
        UserError: it is compressed or in another encoding, or no log of Inspect, though it is called .json.
    """
    begin, typed = _beginning(path), shlex.quote(str(path))
    if begin.startswith(_GZIP):
        raise UserError(f"{path} cannot be read: it is gzip-compressed; unpack it: gunzip {typed}")
    if begin.startswith(_UTF16):
        raise UserError(f"{path} cannot be read: it is UTF-16; save it as UTF-8: iconv -f UTF-16 -t UTF-8 {typed}")
    if path.suffix != ".json":
        return
    target = shlex.quote(str(path.with_suffix(".jsonl")))
    if begin.removeprefix(BOM_UTF8).lstrip().startswith(b"["):
        raise UserError(
            f"{path} is a JSON list; expected each item on a line of its own, in a .jsonl file: jq -c '.[]' {typed} > "
            f"{target}"
        )
    if _holds_lines(path):
        raise UserError(
            f"{path} begins with a line that is a JSON object and no log of Inspect. If it is JSON Lines, rename it to "
            f".jsonl: mv {typed} {target}"
        )


def _holds_lines(path: Path) -> bool:
    """Whether the first line is an object of its own, without what Inspect's have."""
    try:
        first = next(_rows(path))[1]
    except (StopIteration, UserError):
        return False
    if not isinstance(first, dict) or "eval" in first:
        return False
    return "samples" not in first or any(name in first for name in (*lines.NUMBERS, *lines.QUESTIONS))


def _of_lines(path: Path, tool: str) -> Iterator[Entry]:
    samples = lm_eval_samples.Reader() if tool == lm_eval_samples.TOOL else None
    for number, row in _rows(path):
        where = f"{path}, line {number}"
        found = lines.entry(row, number, where) if samples is None else samples.entry(row, number, where)
        if found is not None:
            yield found


def _rows(path: Path) -> Iterator[tuple[int, object]]:
    """The values of a file's lines, with their numbers; blank lines are none."""
    number = 0
    try:
        for line in foreign.lines(path, len(BOM_UTF8) if _beginning(path).startswith(BOM_UTF8) else 0):
            number += 1
            if line.strip():
                yield number, _parsed(line, f"{path}, line {number}")
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise UserError(f"{path}, line {number + 1}: {error}; {_EXPECTED}.") from error


def _parsed(line: bytes, where: str) -> object:
    try:
        return foreign.parse(line, constants=True)  # lm-eval writes NaN for a metric that it could not compute
    except ValueError as error:
        raise UserError(f"{where} is not JSON ({error}); {_EXPECTED}.") from error
