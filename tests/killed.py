"""What runs that were killed left behind, as far as another process can see it."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path


def counts(out: Path) -> dict[str, int]:
    """Tokens and calls of the run that ended last in `out`."""
    return dict(json.loads((out / "run.json").read_text("utf-8"))["timing"]["tokens"])


def stored(path: Path) -> int:
    """Generations in the store at `path`."""
    try:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as store:
            return int(store.execute("SELECT count(*) FROM generations").fetchone()[0])
    except sqlite3.OperationalError:  # not there yet
        return 0


def kept(path: Path) -> dict[bytes, bytes]:
    """Tokens of each generation in the store at `path`, eight bytes for one."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as store:
        return dict(store.execute("SELECT key, tokens FROM generations"))
