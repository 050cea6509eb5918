"""Common random numbers: one uniform for each (stream key, position), on every machine and in every order."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import blake2b

_SCALE = 2.0**-53
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def stream_key(seed: int, problem: str, branch: Sequence[str], phase: str) -> str:
    """Key of a random stream. It names no strategy, so that strategies share what they have in common."""
    return _ENCODER.encode([seed, problem, list(branch), phase])


def uniform(stream: str, position: int) -> float:
    """The uniform number in [0, 1) of `position` in `stream`, with 53 random bits."""
    digest = blake2b(f"{stream}\0{position}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) * _SCALE
