"""A pool on disk: recorded outputs by problem and sample in one SQLite file, with what is known of all of them."""

from __future__ import annotations

import json
import sqlite3
from array import array
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache
from hashlib import sha256
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from tts_bench.errors import EngineError, UserError
from tts_bench.text import counted

NAME = "pool.sqlite"  # in the folder of the run
VERSION = 2
SAMPLES = 1 << 20  # outputs that a problem may have
_REMEMBERED = 512  # outputs that were read last: each is asked for its thinking, its answer and its text
_SCHEMA = """
CREATE TABLE outputs (
    place INTEGER PRIMARY KEY, text BLOB NOT NULL, meets INTEGER NOT NULL, thinking INTEGER NOT NULL,
    answer INTEGER NOT NULL, ended INTEGER NOT NULL, lengths BLOB NOT NULL, logprobs BLOB NOT NULL, top BLOB NOT NULL,
    score REAL, verdict REAL
);
CREATE TABLE about (content TEXT NOT NULL);
"""
_PUT = "INSERT INTO outputs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_GET = "SELECT text, meets, thinking, answer, ended, lengths, logprobs, top, score FROM outputs WHERE place = ?"


@dataclass(frozen=True)
class About:
    """What is known of a pool as a whole."""

    model: str  # as the user named it
    task: str
    data: str  # SHA-256 of the task's rows
    sources: list[dict[str, Any]]  # name, SHA-256, tool and outputs of each file
    tokens: dict[str, int]  # outputs by how their tokens were counted
    tokenizer: str  # its name and SHA-256; empty where none was needed
    format: str  # of the thinking; empty: an output as a whole is what is scored
    fewest: int  # outputs of the problem with the fewest
    most: int
    fewest_of: str  # that problem
    outputs: int
    cut: int  # outputs that a limit ended, as far as the files say
    unended: int  # others that do not reach the end of thinking
    longest_thinking: int
    longest_answer: int
    logprobs: bool  # every output has them
    top: int  # largest log-probabilities at each token, of the output with the fewest; 0: none
    scores: bool  # every output has one
    documents: list[int]  # of the task, in the order in which outputs name them

    @property
    def cuts(self) -> str:
        """How many outputs were cut, and how that is known."""
        limited = f"{counted(self.cut, 'output')} cut by a limit"
        if not self.unended:
            return limited
        return f"{limited}; {counted(self.unended, 'other')} without an end of thinking, taken as cut"

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all that the outputs were made from."""
        return sha256(json.dumps([VERSION, asdict(self)], sort_keys=True).encode()).hexdigest()


class Recorded(NamedTuple):
    """One output as it is kept."""

    text: bytes  # thinking, then answer
    meets: int  # bytes of thinking
    thinking: int  # tokens
    answer: int
    ended: bool
    lengths: bytes  # bytes of each token, as uint16; empty: the text of each part is divided evenly
    logprobs: bytes  # float32 of each token
    top: bytes  # float32, the K largest of each token, sorted
    score: float | None = None

    @property
    def tokens(self) -> int:
        return self.thinking + self.answer

    def bounds(self) -> list[int]:
        """Where each token begins in `text`, and where the last one ends."""
        if self.lengths:
            return list(accumulate(array("H", self.lengths), initial=0))
        rest = len(self.text) - self.meets
        thought = [self.meets * at // self.thinking for at in range(self.thinking)]
        said = [self.meets + rest * at // self.answer for at in range(self.answer)]
        return [*thought, *said, len(self.text)]


class Writer:
    """A pool that is being made.

    Raises:
        UserError: from every method, two outputs have one place.
        OSError: the disk is full.
    """

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(str(path), isolation_level=None)
        self._db.execute("PRAGMA journal_mode=OFF")  # a file that is not whole is thrown away
        self._db.execute("PRAGMA synchronous=OFF")
        self._db.executescript(_SCHEMA)
        self._db.execute("BEGIN")

    def put(self, rows: Iterable[tuple[int, Recorded, float | None]]) -> None:
        """Keep outputs, each with its place and the verdict of the tool that recorded it."""
        try:
            self._db.executemany(_PUT, ((place, *recorded, verdict) for place, recorded, verdict in rows))
        except sqlite3.OperationalError as error:
            raise OSError(28, str(error)) from error

    def finish(self, about: About) -> None:
        try:
            self._db.execute("INSERT INTO about VALUES (?)", (json.dumps({"version": VERSION, **asdict(about)}),))
            self._db.execute("COMMIT")
        except sqlite3.OperationalError as error:
            raise OSError(28, str(error)) from error
        self._db.close()

    def close(self) -> None:
        self._db.close()


class Pool:
    """Reads a pool.

    Raises:
        UserError: there is no such file, or it is no pool of this version.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.at = lru_cache(_REMEMBERED)(self._at)
        if not path.is_file():
            raise UserError(f"{path} is not there. Make it with: tts-bench import FILE --task NAME --model NAME.")
        try:
            self._db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, check_same_thread=False)
            content = json.loads(self._db.execute("SELECT content FROM about").fetchone()[0])
            if content.pop("version", None) != VERSION:
                raise ValueError("another version of tts-bench made it")
            self.about = TypeAdapter(About).validate_json(json.dumps(content), strict=True)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"]))[:200]
            raise UserError(
                f"{path} cannot be read as a pool ({where}: {first['msg']}). Import its files again."
            ) from error
        except (sqlite3.Error, ValueError, TypeError, AttributeError) as error:
            raise UserError(f"{path} cannot be read as a pool ({error}). Import its files again.") from error

    @cached_property
    def problems(self) -> dict[str, int]:
        """The place of each problem in `About.documents`, by the problem's id."""
        return {f"{self.about.task}/{document}": place for place, document in enumerate(self.about.documents)}

    def get(self, problem: str, sample: int) -> Recorded:
        """Output `sample` of a problem.

        Raises:
            EngineError: it was not recorded, or the file is damaged.
        """
        if (at := self.problems.get(problem)) is None:
            raise EngineError(f"no output to {problem} was recorded")
        found = self.at(at * SAMPLES + sample) if sample < SAMPLES else None
        if found is None:
            raise EngineError(f"output {sample} of {problem} was not recorded: the pool has fewer")
        return found

    def _at(self, place: int) -> Recorded | None:
        """The output of that place."""
        try:
            row = self._db.execute(_GET, (place,)).fetchone()
        except sqlite3.Error as error:
            raise EngineError(f"the pool cannot be read: {error}") from error
        return None if row is None else Recorded._make((*row[:4], bool(row[4]), *row[5:]))

    def sizes(self, document: int) -> tuple[int, int, int]:
        """How many outputs a document of `About.documents` has, and tokens of their longest thinking and answer.

        Raises:
            UserError: the file is damaged.
        """
        first = self.problems[f"{self.about.task}/{document}"] * SAMPLES
        said = "SELECT count(*), max(thinking), max(answer) FROM outputs WHERE place BETWEEN ? AND ?"
        try:
            found: tuple[int, int, int] = self._db.execute(said, (first, first + SAMPLES - 1)).fetchone()
        except sqlite3.Error as error:
            raise UserError(f"{self.path} cannot be read as a pool ({error}). Import its files again.") from error
        return found

    def verdicts(self) -> dict[tuple[str, int], float]:
        """What the tools that recorded the outputs said of them, by problem and sample, as far as they said it."""
        names = list(self.problems)
        rows = self._db.execute("SELECT place, verdict FROM outputs WHERE verdict IS NOT NULL")
        return {(names[place // SAMPLES], place % SAMPLES): verdict for place, verdict in rows}

    def close(self) -> None:
        self._db.close()
