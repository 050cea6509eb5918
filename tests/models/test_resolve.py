"""From a name to a folder: local, converted once into the cache, or from the hub; whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.models.tiny_gguf import write_gguf
from tests.tiny import make_tiny
from tts_bench.models import resolve as resolve_function  # noqa: F401

NAME = "pocket"
"""The alias that these tests add; its GGUF lies in two wheels."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny(tmp_path_factory.mktemp("tiny"), "qwen2")


@pytest.fixture(scope="module")
def gguf(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_gguf(folder, tmp_path_factory.mktemp("gguf") / "tiny.gguf")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TTS_BENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"
