"""Claims about the stores that a merge joins: each is taken as it is at one moment, and stays as it is."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tts_bench.core.store import Store
from tts_bench.engine import Generation
from tts_bench.errors import UserError
from tts_bench.studies.merge import _join


def made(path: Path) -> Store:
    """A store with three rows in it, still open: they lie in SQLite's log of what was written last."""
    store = Store(path)
    store.put([(bytes([number]), Generation((number,), "length")) for number in range(3)])
    return store


def rows(path: Path) -> int:
    with Store(path) as store:
        return len(store)


def test_a_store_that_is_written_to_meanwhile_is_joined_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint between the copies of a database and of its log would lose what was in the log."""
    path, copyfile = tmp_path / "store.sqlite", shutil.copyfile
    with made(path), closing(sqlite3.connect(path)) as other:

        def copied(source: str, target: str) -> None:
            copyfile(source, target)
            other.execute("PRAGMA wal_checkpoint(TRUNCATE)")

        monkeypatch.setattr(shutil, "copyfile", copied)
        (tmp_path / "out").mkdir()
        _join([path], tmp_path / "out" / "store.sqlite")
        assert rows(tmp_path / "out" / "store.sqlite") == 3


def test_stores_that_nobody_has_open_are_joined_and_nothing_is_put_beside_them(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        made(tmp_path / name / "store.sqlite").close()
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    (tmp_path / "out").mkdir()
    _join([tmp_path / name / "store.sqlite" for name in ("one", "two")], tmp_path / "out" / "store.sqlite")
    assert rows(tmp_path / "out" / "store.sqlite") == 3
    assert {path: path.read_bytes() for path in before} == before
    assert len([*tmp_path.rglob("one/*")]) == 1


def test_a_damaged_store_that_is_open_is_named(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    path.write_bytes(b"no database" * 400)
    Path(f"{path}-shm").write_bytes(b"")
    (tmp_path / "out").mkdir()
    with pytest.raises(UserError, match=r"store\.sqlite is damaged"):
        _join([path], tmp_path / "out" / "store.sqlite")
