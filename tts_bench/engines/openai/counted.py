"""Text of a model whose tokenizer is nobody's to have: as many tokens as its server counts."""

from __future__ import annotations

from tts_bench.engines.estimated import BYTES, EstimatedTokenizer, token
from tts_bench.engines.openai.account import slack
from tts_bench.engines.openai.client import Unbelievable
from tts_bench.engines.openai.tokenizer import UNSEEN

NONE = "none"  # --tokenizer none


class ServerCounted(EstimatedTokenizer):
    """Ids are pieces of UTF-8, cut to the number that a server tells. What it does not count, the prompt before it is
    sent, is estimated.
    """

    counts = False  # what it makes of a text nobody has to count alike

    def least(self, text: str) -> int:
        """The fewest ids that hold `text`."""
        return -(-len(text.encode()) // BYTES)

    def fit(self, text: str, count: int) -> tuple[int, ...]:
        """`text` in `count` tokens, or in the few more that it may need: a long word may be one.

        Raises:
            Unbelievable: it is longer than so many tokens can be.
        """
        raw, least = text.encode(), self.least(text)
        if least > count + slack(count):
            raise Unbelievable(f"it counts {count} tokens in a text of {len(raw)} bytes")
        count = max(count, least)
        pieces = [raw[len(raw) * at // count : len(raw) * (at + 1) // count] for at in range(count)]
        return tuple(token(piece) if piece else UNSEEN for piece in pieces)
