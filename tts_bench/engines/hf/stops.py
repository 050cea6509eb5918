"""Stop texts, also where they straddle tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence


def trailing_stop(tokens: Sequence[int], texts: Sequence[str], decode: Callable[[Sequence[int]], str]) -> int:
    """How many of the last tokens a stop text takes up that the very last token completes; 0 where there is none.

    A token that straddles the beginning of the stop text belongs to it. Of several stop texts the one that begins
    first counts. Only the tail that a stop text can span is decoded.
    """
    window = max(len(text.encode()) for text in texts) + 4  # a token holds a byte or more; 4 for a character cut in two
    tail = tokens[-window:]
    text = decode(tail)
    found = [stop for stop in texts if stop in text]
    return max((_span(tail, stop, decode) for stop in found), default=0)


def _span(tail: Sequence[int], stop: str, decode: Callable[[Sequence[int]], str]) -> int:
    return next(count for count in range(1, len(tail) + 1) if stop in decode(tail[-count:]))
