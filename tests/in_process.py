"""For tests of many templates: a trial by the child's own code, without a process for each (test_templates has that)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache

import pytest

from tts_bench.templates import child, trial


@lru_cache(maxsize=512)
def _tried(asked: str) -> trial.Trial:
    said = child.rendered(json.loads(asked))
    assert "problem" not in said, said["problem"]
    return trial.Trial(said["texts"], said["errors"], frozenset(said["variables"]))


@pytest.fixture(autouse=True)
def in_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(trial, "_tried", _tried)
    yield
