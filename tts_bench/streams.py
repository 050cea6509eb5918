"""Common random numbers: one uniform for each (stream key, position), on every machine and in every order."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from json.encoder import encode_basestring

_SCALE = 2.0**-53


def stream_key(seed: int, problem: str, branch: Sequence[str], phase: str) -> str:
    """Key of a random stream, as JSON. It names no strategy, so that strategies share what they have in common."""
    # Put together by hand: a whole encoder takes ten times as long, and there is a key for every request.
    labels = ",".join(map(encode_basestring, branch))
    return f"[{seed},{encode_basestring(problem)},[{labels}],{encode_basestring(phase)}]"


def uniform(stream: str, position: int) -> float:
    """The uniform number in [0, 1) of `position` in `stream`, with 53 random bits."""
    digest = blake2b(f"{stream}\0{position}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) * _SCALE
