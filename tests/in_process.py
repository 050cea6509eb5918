"""A trial of a template by the child's own code, without a process for each: for tests of many templates."""

from __future__ import annotations

import json
from functools import lru_cache

from tts_bench.templates import child, trial


@lru_cache(maxsize=512)
def tried(asked: str) -> trial.Trial:
    """In the place of `trial._tried`."""
    said = child.rendered(json.loads(asked))
    assert "problem" not in said, said["problem"]
    return trial.Trial(said["texts"], said["errors"], frozenset(said["variables"]))
