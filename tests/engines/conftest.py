from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests import forked
from tests.tiny import make_tiny
from tts_bench.engine import Generation, Request
from tts_bench.engines import processes
from tts_bench.engines.hf.engine import HfEngine
from tts_bench.engines.hf.load import load


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Makes a tiny model once for all tests that ask for it by the same arguments."""
    made: dict[str, Path] = {}

    def make(*args: Any, **kwargs: Any) -> Path:
        key = repr((args, kwargs))
        if key not in made:
            made[key] = make_tiny(tmp_path_factory.mktemp("tiny"), *args, **kwargs)
        return made[key]

    return make


@pytest.fixture
def started() -> Iterator[Callable[..., HfEngine]]:
    """Starts engines and closes them after the test."""
    engines: list[HfEngine] = []

    def start(folder: Path, **options: Any) -> HfEngine:
        options = {"name": "tiny", "fingerprint": "f" * 64, "device": "cpu", "threads": 1, "max_num_seqs": 8, **options}
        engines.append(load(folder, **options))
        return engines[-1]

    yield start
    for engine in engines:
        asyncio.run(engine.close())


@pytest.fixture
def run() -> Callable[[HfEngine, Sequence[Request]], list[Generation]]:
    return lambda engine, requests: asyncio.run(engine.generate(requests))


@pytest.fixture
def forked_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Worker processes are forked from one that has the libraries; tests/engines/test_workers.py has fresh ones too."""
    names = SimpleNamespace(get_context=lambda _: forked.CONTEXT, current_process=multiprocessing.current_process)
    monkeypatch.setattr(processes, "multiprocessing", names)
