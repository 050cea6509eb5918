"""Ids of recorded tokens: places in a pool, whose texts are what stands there."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from tts_bench.engines.estimated import EstimatedTokenizer
from tts_bench.pools.file import Pool

_SHIFT, _POSITIONS = 61, 21  # an id is a mark, the output's place in the pool, and the token's position in it
_REMEMBERED = 512  # outputs whose texts were read last


class RecordedTokenizer(EstimatedTokenizer):
    """Recorded tokens are ids of their own; other text, such as the prompt, is estimated at 4 bytes a token."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._known = lru_cache(_REMEMBERED)(self._look)

    def ids(self, place: int, count: int) -> tuple[int, ...]:
        """Those of the first `count` tokens of the output at `place`."""
        begin = 1 << _SHIFT | place << _POSITIONS
        return tuple(range(begin, begin + count))

    def decode(self, tokens: Sequence[int]) -> str:
        if tokens and _is_recorded(tokens[0]) and tokens[-1] - tokens[0] == len(tokens) - 1:
            return self._between(tokens[0], tokens[-1])
        return "".join(
            self._between(token, token) if _is_recorded(token) else super(RecordedTokenizer, self).decode((token,))
            for token in tokens
        )

    def _between(self, first: int, last: int) -> str:
        place, at = (first ^ 1 << _SHIFT) >> _POSITIONS, first & ((1 << _POSITIONS) - 1)
        text, bounds = self._known(place)
        return text[bounds[at] : bounds[at + last - first + 1]].decode("utf-8", "replace")

    def _look(self, place: int) -> tuple[bytes, list[int]]:
        found = self._pool.at(place)
        return (b"", []) if found is None else (found.text, found.bounds())


def _is_recorded(token: int) -> bool:
    return token >> _SHIFT == 1
