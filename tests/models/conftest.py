"""What tests of models share: a tiny model, its GGUF file, wheels of it, a cache of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.models.made import write_alias
from tests.models.tiny_gguf import write_gguf
from tests.tiny import make_tiny
from tts_bench.models import ALIASES


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny(tmp_path_factory.mktemp("tiny"), "qwen2")


@pytest.fixture(scope="session")
def gguf(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_gguf(folder, tmp_path_factory.mktemp("gguf") / "tiny.gguf")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TTS_BENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def wheels(gguf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the two wheels of the alias "pocket", which `TTS_BENCH_WHEELS` names."""
    wheels = tmp_path / "wheels"
    monkeypatch.setitem(ALIASES, "pocket", write_alias(gguf, wheels))
    monkeypatch.setenv("TTS_BENCH_WHEELS", str(wheels))
    return wheels
