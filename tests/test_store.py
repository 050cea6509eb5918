"""Claims about the generation store, on a real SQLite file."""

from __future__ import annotations

import itertools
import multiprocessing
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts_bench.columns import Columns
from tts_bench.core.generations import cut
from tts_bench.core.store import CorruptStore, Store, StoreError
from tts_bench.engine import Finish, Generation

NAMES = ("entropy", "logprob", "top_mean:20")
tokens = st.lists(st.integers(0, 2**40), max_size=20).map(tuple)


@given(tokens, st.sampled_from(["stop", "length", "context"]), st.integers(0, 3), st.sets(st.sampled_from(NAMES)))
def test_what_is_put_is_found(tokens: tuple[int, ...], finish: Finish, stop: int, names: set[str]) -> None:
    columns = Columns.of({name: [-0.1 * token for token in tokens] for name in names})
    generation = Generation(tokens, finish, stop, columns)
    with Store(None) as store:
        store.put([(b"key", generation)])
        assert store.get(b"key") == generation
        assert store.get(b"other") is None


@given(tokens, st.integers(0, 25))
def test_a_shorter_limit_cuts_a_generation_and_a_longer_one_leaves_it(tokens: tuple[int, ...], limit: int) -> None:
    whole = Generation(tokens, "stop", min(1, len(tokens)), Columns.of({"logprob": [float(n) for n in tokens]}))
    shorter = cut(whole, limit)
    assert shorter.tokens == tokens[:limit]
    assert shorter.columns.get("logprob", ()) == whole.columns.get("logprob", ())[:limit]
    assert shorter == whole if limit >= len(tokens) else (shorter.finish, shorter.stop) == ("length", 0)


def test_a_generation_only_grows() -> None:
    with Store(None) as store:
        store.put([(b"key", Generation((1, 2, 3), "stop", 1))])
        store.put([(b"key", Generation((1, 2), "length"))])
        assert store.get(b"key") == Generation((1, 2, 3), "stop", 1)
        store.put([(b"grown", Generation((1, 2), "length"))])
        store.put([(b"grown", Generation((1, 2, 3), "stop", 1))])
        assert store.get(b"grown") == Generation((1, 2, 3), "stop", 1)


def test_columns_are_kept_as_far_as_anyone_has_them() -> None:
    short = Generation((1, 2), "length", columns=Columns.of({"logprob": (-1.0, -2.0)}))
    long = Generation((1, 2, 3, 4), "stop", 1)
    other = Generation((1, 2, 3, 4), "stop", 1, Columns.of({"entropy": (4.0, 3.0, 2.0, 1.0)}))
    for order in itertools.permutations((short, long, other)):
        with Store(None) as store:
            for generation in order:
                store.put([(b"key", generation)])
            found = store.get(b"key")
        assert found is not None
        assert (found.tokens, found.finish, found.stop) == ((1, 2, 3, 4), "stop", 1)
        assert dict(found.columns) == {"entropy": (4.0, 3.0, 2.0, 1.0), "logprob": (-1.0, -2.0)}


def test_where_an_engine_gives_other_tokens_with_columns_they_replace_those_without() -> None:
    without = Generation((1, 2, 3, 4), "stop", 1)
    with_columns = Generation((1, 2, 9), "stop", 1, Columns.of({"logprob": (-1.0, -2.0, -3.0)}))
    longer = Generation((1, 2, 7, 8, 9), "stop", 1)
    with Store(None) as store:
        store.put([(b"key", without), (b"key", with_columns)])
        assert store.get(b"key") == with_columns
        store.put([(b"key", longer)])
        assert store.get(b"key") == longer


def test_it_is_still_there_when_opened_again(tmp_path: Path) -> None:
    with Store(tmp_path / "store.sqlite") as store:
        store.put([(b"key", Generation((7,), "length"))])
    with Store(tmp_path / "store.sqlite") as store:
        assert store.get(b"key") == Generation((7,), "length")
        assert len(store) == 1


def _hammer(path: Path, worker: int) -> None:
    with Store(path) as store:
        for number in range(200):
            key = (number % 50).to_bytes(2, "big")
            tokens = tuple(range(1 + (number * 7 + worker) % 30))
            columns = Columns.of({NAMES[worker]: tokens[: 1 + number % 9]})
            store.put([(key, Generation(tokens, "length", columns=columns))])
            found = store.get(key)
            assert found is not None
            assert found.tokens == tuple(range(len(found.tokens)))
            assert len(found.tokens) >= len(tokens)
            assert len(found.columns[NAMES[worker]]) >= len(columns[NAMES[worker]])
            assert all(numbers == tuple(range(len(numbers))) for numbers in found.columns.values())


def test_two_processes_on_one_store_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    spawn = multiprocessing.get_context("spawn")
    workers = [spawn.Process(target=_hammer, args=(path, worker)) for worker in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0]
    with Store(path) as store:
        assert len(store) == 50
        both = [store.get(number.to_bytes(2, "big")) for number in range(50)]
        assert all(found and sorted(found.columns) == sorted(NAMES[:2]) for found in both)


def test_a_file_that_is_no_database_is_kept_aside_and_not_answered_from(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    path.write_bytes(b"these are not the bytes you are looking for" * 100)
    with pytest.raises(CorruptStore, match=r"kept as .*store\.sqlite\.corrupt-1"):
        Store(path)
    assert not path.exists()
    assert (tmp_path / "store.sqlite.corrupt-1").read_bytes().startswith(b"these are not")
    with Store(path) as store:
        assert len(store) == 0


@pytest.mark.parametrize("share", [0.02, 0.3, 0.5, 0.9])
def test_damaged_pages_are_never_answered_from(tmp_path: Path, share: float) -> None:
    path = tmp_path / "store.sqlite"
    with Store(path) as store:
        store.put((number.to_bytes(2, "big"), Generation((number,) * 40, "length")) for number in range(500))
    data = bytearray(path.read_bytes())
    place = int(len(data) * share)
    data[place : place + 64] = bytes(byte ^ 0xFF for byte in data[place : place + 64])
    path.write_bytes(data)
    try:
        with Store(path) as store:
            for number in range(500):
                found = store.get(number.to_bytes(2, "big"))
                assert found is None or found.tokens == (number,) * 40
    except CorruptStore:
        assert (tmp_path / "store.sqlite.corrupt-1").exists()


def test_a_changed_row_is_found_by_its_checksum(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    with Store(path) as store:
        store.put([(b"key", Generation((1, 2, 3), "stop", 1))])
    database = sqlite3.connect(path)
    database.execute("UPDATE generations SET tokens = ?", (b"\x09" + b"\0" * 23,))
    database.commit()
    database.close()
    with Store(path) as store, pytest.raises(CorruptStore, match="checksum"):
        store.get(b"key")


def test_a_store_without_scores_is_given_room_for_them(tmp_path: Path) -> None:
    path, generation = tmp_path / "store.sqlite", Generation((1, 2), "stop", 1)
    with Store(path) as store:
        store.put([(b"key", generation)])
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("DROP TABLE scores")
    database.execute("PRAGMA user_version=3")
    database.close()
    with Store(path) as store:
        assert store.get(b"key") == generation
        store.put_verdicts([(b"key", b"first")])
        store.put_verdicts([(b"key", b"second"), (b"other", b"second")])
    with Store(path) as store:
        assert (store.verdict(b"key"), store.verdict(b"other"), store.verdict(b"gone")) == (b"first", b"second", None)


def test_a_damaged_score_is_never_answered(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    with Store(path) as store:
        store.put_verdicts([(b"key", b"[1.0]")])
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("UPDATE scores SET verdict = x'5b322e305d'")
    database.close()
    with Store(path) as store, pytest.raises(CorruptStore, match="checksum of score"):
        store.verdict(b"key")


@pytest.mark.parametrize("version", [1, 2])
def test_an_older_store_is_converted_with_all_that_it_holds(tmp_path: Path, version: int) -> None:
    path = tmp_path / "store.sqlite"
    held = {bytes([number]): Generation((number,) * 3, "stop", 1) for number in range(9)}
    with Store(path) as store:
        store.put(held.items())
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("ALTER TABLE generations RENAME TO newer")
    database.execute(
        "CREATE TABLE generations (key BLOB PRIMARY KEY, tokens BLOB NOT NULL, finish TEXT NOT NULL, "
        f"stop INTEGER NOT NULL, checksum BLOB NOT NULL) {'WITHOUT ROWID' if version == 1 else ''}"
    )
    database.execute("INSERT INTO generations SELECT key, tokens, finish, stop, checksum FROM newer")
    database.execute("DROP TABLE newer")
    database.execute(f"PRAGMA user_version={version}")
    database.close()
    for _ in range(2):
        with Store(path) as store:
            assert len(store) == len(held)
            assert {key: store.get(key) for key in held} == held
    with Store(path) as store:
        wider = Generation((0,) * 3, "stop", 1, Columns.of({"logprob": (-1.0, -2.0, -3.0)}))
        store.put([(bytes([0]), wider)])
        assert store.get(bytes([0])) == wider


def test_where_one_generation_cannot_be_kept_none_of_its_transaction_is(tmp_path: Path) -> None:
    with Store(tmp_path / "store.sqlite") as store:
        with pytest.raises(OverflowError):
            store.put([(b"good", Generation((1,), "stop")), (b"bad", Generation((1,), "stop", 2**70))])
        assert len(store) == 0
        store.put([(b"good", Generation((1,), "stop"))])
        assert len(store) == 1


def test_another_versions_store_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version=99")
    database.close()
    with pytest.raises(StoreError, match="version 99"):
        Store(path)
    assert path.exists()


def test_a_store_in_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be opened"):
        Store(tmp_path / "file" / "store.sqlite")
