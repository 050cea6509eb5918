"""Files of recorded outputs, whatever tool wrote them: entries, one after the other."""

from __future__ import annotations

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


def _is_zip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"PK\3\4"


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
        for line in foreign.lines(path):
            number += 1
            if line.strip():
                yield number, _parsed(line, f"{path}, line {number}")
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise UserError(f"{path}, line {number + 1}: {error}; {_EXPECTED}.") from error


def _parsed(line: bytes, where: str) -> object:
    try:
        return foreign.parse(line)
    except ValueError as error:
        raise UserError(f"{where} is not JSON ({error}); {_EXPECTED}.") from error
