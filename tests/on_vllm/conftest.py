"""Engines that take a minute to start, shared by the tests that need vLLM: `make test-vllm`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.on_vllm.widening import widen
from tts_bench.engine import Engine, Generation, Request
from tts_bench.models import ALIASES, Shipped, shipped_folder

FINGERPRINT = "f" * 64


def start_vllm(folder: Path, **options: Any) -> Engine:
    from tts_bench.engines.vllm.load import load

    options = {
        "threads": 1,
        "max_num_seqs": 16,
        "dtype": "float32",
        "more": {"enforce_eager": True, "kv_cache_memory_bytes": 500_000_000},
        **options,
    }
    return load(folder, name=folder.name, fingerprint=FINGERPRINT, **options)


def start_hf(folder: Path, **options: Any) -> Engine:
    from tts_bench.engines.hf.load import load

    options = {"threads": 1, "max_num_seqs": 16, "dtype": "float32", "device": "cpu", **options}
    return load(folder, name=folder.name, fingerprint=FINGERPRINT, **options)


@pytest.fixture(scope="session")
def pocket(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pocket model, in the form that vLLM's kernels for the CPU take."""
    alias = ALIASES["pocket"]
    assert isinstance(alias, Shipped)
    return widen(shipped_folder(alias), tmp_path_factory.mktemp("pocket") / "pocket")


@pytest.fixture(scope="session")
def vllm_engine(pocket: Path) -> Iterator[Engine]:
    engine = start_vllm(pocket)
    yield engine
    asyncio.run(engine.close())


@pytest.fixture(scope="session")
def hf_engine(pocket: Path) -> Iterator[Engine]:
    engine = start_hf(pocket)
    yield engine
    asyncio.run(engine.close())


@pytest.fixture(scope="session")
def run() -> Callable[[Engine, Sequence[Request]], list[Generation]]:
    return lambda engine, requests: asyncio.run(engine.generate(requests))
