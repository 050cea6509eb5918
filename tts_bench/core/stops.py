"""Where a text first stands in sampled tokens."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from tts_bench.engine import Tokenizer


class Hit(NamedTuple):
    """Tokens `begin` to `end` hold the text; a token that straddles its beginning or its end belongs to it."""

    end: int
    begin: int
    text: str


def first(tokens: Sequence[int], since: int, texts: Sequence[str], tokenizer: Tokenizer) -> Hit | None:
    """The text that is complete first behind the first `since` tokens; of several the one that begins first.

    It does not depend on how many tokens follow, so that a generation may be looked at piece by piece.
    """
    whole = tokenizer.decode(tokens)
    skipped = len(tokenizer.decode(tokens[:since]))

    def length(count: int) -> int:
        return len(tokenizer.decode(tokens[:count]))

    places, hits = range(since, len(tokens) + 1), []
    for text in texts:
        if (at := whole.find(text, skipped)) >= 0:
            end = since + bisect_left(places, at + len(text), key=length)
            begin = since + bisect_right(places, at, key=length) - 1
            hits.append(Hit(min(end, len(tokens)), begin, text))
    return min(hits, default=None)
