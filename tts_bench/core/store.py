"""Every finished generation, kept once in one SQLite file and found again by what determined it."""

from __future__ import annotations

import os
import sqlite3
import stat
from array import array
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from types import TracebackType

from tts_bench.columns import Columns
from tts_bench.core.generations import merged
from tts_bench.engine import Finish, Generation
from tts_bench.errors import UserError

# 1: rows stood in the order of their keys, so that each one written was a page written. 2: tokens had no columns.
# 3: there were no scores.
_VERSION = 4
_MAGIC = b"SQLite format 3\0"
_BATCH = 1000  # generations that are taken over at once
# Rows stand in the order they came in, and only the narrow index of the keys is written to here and there.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS generations (
    key BLOB PRIMARY KEY, tokens BLOB NOT NULL, finish TEXT NOT NULL, stop INTEGER NOT NULL, checksum BLOB NOT NULL,
    columns BLOB NOT NULL DEFAULT x''
)
"""
_SCORES = "CREATE TABLE IF NOT EXISTS scores (key BLOB PRIMARY KEY, verdict BLOB NOT NULL, checksum BLOB NOT NULL)"
_PUT = "INSERT INTO generations (key, tokens, finish, stop, columns, checksum) VALUES (?, ?, ?, ?, ?, ?)"
_PUT_NEW = f"{_PUT} ON CONFLICT (key) DO NOTHING"
_PUT_WHOLE = f"""{_PUT} ON CONFLICT (key) DO UPDATE SET tokens = excluded.tokens, finish = excluded.finish,
    stop = excluded.stop, columns = excluded.columns, checksum = excluded.checksum
"""


class StoreError(UserError):
    """The store cannot be opened, read or written."""


class CorruptStore(StoreError):
    """The store's file is damaged. Nothing is answered from it; it was kept aside."""


def check_named(path: Path) -> None:
    """Refuse a file that a person names as a store and that is something else; it is only read.

    A damaged one passes: who opens it keeps it aside.

    Raises:
        StoreError: it is no file, no database of SQLite, or one of another program; or it cannot be read.
    """
    try:
        found = os.stat(path)
        what = "is not a regular file" if not stat.S_ISREG(found.st_mode) else _foreign(path) if found.st_size else ""
    except FileNotFoundError:
        return
    except OSError as error:
        raise StoreError(
            f"the generation store {path} cannot be opened: {error.strerror}. Give another --store."
        ) from error
    if what:
        raise StoreError(f"--store {path} cannot be used: it {what}, and nothing was changed. Give another --store.")


def _foreign(path: Path) -> str:
    """What a file is that holds something and is no store of ours; empty where it is one, or is damaged."""
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            return "is no store of generations"
    try:
        db = sqlite3.connect(f"{path.absolute().as_uri()}?immutable=1", uri=True)  # no lock, no file beside it
        try:
            tables = {row[0] for row in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
            columns = {row[1] for row in db.execute("PRAGMA table_info(generations)")}
        finally:
            db.close()
    except sqlite3.Error:
        return ""
    ours = {"key", "tokens", "finish", "stop", "checksum"} <= columns
    return "is a database of another program" if tables and not ours else ""


class Store:
    """Generations by key. Several processes may share one file. `path=None` keeps them in memory.

    Raises:
        CorruptStore: on opening or reading a damaged file, after setting it aside.
        StoreError: the file cannot be opened or written, or was made by another version.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        try:
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(
                str(path or ":memory:"), timeout=60, isolation_level=None, check_same_thread=False
            )  # opened in one thread and used in another, where a loop runs already (loops.py); never in two at once
        except (OSError, sqlite3.OperationalError) as error:
            raise StoreError(f"the generation store {path} cannot be opened: {error}. Give another --store.") from error
        try:
            self._prepare()
        except sqlite3.OperationalError as error:
            raise _unusable(path, error) from error
        except sqlite3.DatabaseError as error:
            raise self._set_aside(str(error)) from error

    def _prepare(self) -> None:
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")  # a killed process loses nothing; only a power cut may
        damage = self._db.execute("PRAGMA quick_check(1)").fetchone()[0]
        if damage != "ok":
            raise sqlite3.DatabaseError(damage)
        if self._version() != _VERSION:
            with self._transaction():
                self._make_or_convert()

    def _version(self) -> int:
        return int(self._db.execute("PRAGMA user_version").fetchone()[0])

    def _make_or_convert(self) -> None:
        version = self._version()  # again: another process may just have done it
        if version not in range(_VERSION + 1):
            raise StoreError(
                f"the generation store {self.path} has version {version}, this program writes {_VERSION}: "
                "give another --store"
            )
        if version == 1:
            self._db.execute("ALTER TABLE generations RENAME TO version_1")
        self._db.execute(_SCHEMA)
        self._db.execute(_SCORES)
        if version == 1:
            self._db.execute("INSERT INTO generations SELECT key, tokens, finish, stop, checksum, x'' FROM version_1")
            self._db.execute("DROP TABLE version_1")
        if version == 2:  # the checksum of what has no columns is the same
            self._db.execute("ALTER TABLE generations ADD COLUMN columns BLOB NOT NULL DEFAULT x''")
        self._db.execute(f"PRAGMA user_version={_VERSION}")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            if self._db.in_transaction:  # SQLite itself ends one that met a full disk
                self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def get(self, key: bytes) -> Generation | None:
        """The longest generation known for `key`. Its columns may be shorter than its tokens."""
        with self._reporting():
            return self._read(key)

    def bytes_per_token(self) -> float:
        """Size of the file for each token of a generation in it; 0 where there is none."""
        with self._reporting():
            tokens = self._db.execute("SELECT coalesce(sum(length(tokens)), 0) / 8 FROM generations").fetchone()[0]
            size = self._db.execute("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size").fetchone()
        return float(size[0] / tokens) if tokens else 0.0

    def put(self, generations: Iterable[tuple[bytes, Generation]]) -> None:
        """Keep each generation under its key, and what is there already (`merged`): another process may have been
        first. All are on disk when this returns.
        """
        new = list(generations)
        with self._reporting(), self._transaction():
            if self._db.executemany(_PUT_NEW, [_row(*each) for each in new]).rowcount == len(new):
                return  # mostly nothing is known of any
            for key, generation in new:
                known = self._read(key)
                kept = generation if known is None else merged(known, generation)
                if kept != known:
                    self._db.execute(_PUT_WHOLE, _row(key, kept))

    def take(self, other: Store) -> None:
        """Put all that `other` holds: generations and scores. Of two generations by one key the longer is kept."""
        with other._reporting():
            keys = [row[0] for row in other._db.execute("SELECT key FROM generations")]
            scored = [row[0] for row in other._db.execute("SELECT key FROM scores")]
        for batch in (keys[start : start + _BATCH] for start in range(0, len(keys), _BATCH)):
            self.put((key, made) for key in batch if (made := other.get(key)) is not None)
        self.put_verdicts((key, said) for key in scored if (said := other.verdict(key)) is not None)

    def _read(self, key: bytes) -> Generation | None:
        row = self._db.execute(
            "SELECT tokens, finish, stop, columns, checksum FROM generations WHERE key = ?", (key,)
        ).fetchone()
        if row is None:
            return None
        tokens, finish, stop, columns, checksum = row
        if checksum != _checksum(key, tokens, finish, stop, columns):
            raise sqlite3.DatabaseError(f"the checksum of generation {key.hex()} does not fit")
        return Generation(tuple(array("q", tokens)), finish, stop, Columns.load(columns))

    def verdict(self, key: bytes) -> bytes | None:
        """What a scorer said that is known by `key`, as it was put."""
        with self._reporting():
            row = self._db.execute("SELECT verdict, checksum FROM scores WHERE key = ?", (key,)).fetchone()
            if row is not None and row[1] != _digest(key + row[0]):
                raise sqlite3.DatabaseError(f"the checksum of score {key.hex()} does not fit")
            return None if row is None else bytes(row[0])

    def put_verdicts(self, verdicts: Iterable[tuple[bytes, bytes]]) -> None:
        """Keep what scorers said; what another process put first stays. All are on disk when this returns."""
        rows = [(key, verdict, _digest(key + verdict)) for key, verdict in verdicts]
        with self._reporting(), self._transaction():
            self._db.executemany("INSERT OR IGNORE INTO scores VALUES (?, ?, ?)", rows)

    @contextmanager
    def _reporting(self) -> Iterator[None]:
        """
        Raises:
            StoreError: for what SQLite raises within.
        """
        try:
            yield
        except sqlite3.OperationalError as error:
            raise _unusable(self.path, error) from error
        except sqlite3.DatabaseError as error:
            raise self._set_aside(str(error)) from error

    def __len__(self) -> int:
        return int(self._db.execute("SELECT count(*) FROM generations").fetchone()[0])

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def _set_aside(self, damage: str) -> CorruptStore:
        self._db.close()
        if self.path is None:
            return CorruptStore(f"the generation store in memory is damaged ({damage}): start again")
        aside = _free_name(self.path)
        os.replace(self.path, aside)
        for suffix in ("-wal", "-shm"):
            log = Path(f"{self.path}{suffix}")
            if log.exists():
                os.replace(log, f"{aside}{suffix}")
        return CorruptStore(
            f"the generation store {self.path} is damaged ({damage}). It was kept as {aside}, and nothing was answered "
            "from it. Repeat the command to start with an empty store."
        )


def _unusable(path: Path | None, error: sqlite3.OperationalError) -> StoreError:
    return StoreError(
        f"the generation store {path} cannot be used: {error}. What is finished is safe; make room or free the file, "
        "then repeat the command."
    )


def _row(key: bytes, generation: Generation) -> tuple[bytes, bytes, Finish, int, bytes, bytes]:
    tokens, columns = array("q", generation.tokens).tobytes(), generation.columns.dump()
    finish, stop = generation.finish, generation.stop
    return key, tokens, finish, stop, columns, _checksum(key, tokens, finish, stop, columns)


def _checksum(key: bytes, tokens: bytes, finish: Finish, stop: int, columns: bytes) -> bytes:
    return _digest(key + tokens + f"{finish}{stop}".encode() + columns)


def _digest(content: bytes) -> bytes:
    return blake2b(content, digest_size=8).digest()


def _free_name(path: Path) -> Path:
    number = 1
    while (aside := path.with_name(f"{path.name}.corrupt-{number}")).exists():
        number += 1
    return aside
