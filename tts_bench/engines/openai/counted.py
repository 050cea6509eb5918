"""Text of a model whose tokenizer is nobody's to have: as many tokens as its server counts."""

from __future__ import annotations

from collections.abc import Sequence

from tts_bench.api import Turn
from tts_bench.engines.openai.client import Unbelievable
from tts_bench.engines.openai.tokenizer import UNSEEN

NONE = "none"  # --tokenizer none
_MARK, _BYTES = 1 << 62, 7  # an id holds up to 7 bytes of text, and how many they are
_USUAL = 4  # bytes of a token, where nobody counts


class ServerCounted:
    """Implements `tts_bench.engine.Tokenizer`: ids are pieces of UTF-8, cut to the number that a server tells.

    What the server does not count, the prompt before it is sent, is estimated: a token for each 4 bytes.
    """

    counts = False  # what it makes of a text nobody has to count alike
    chat_template: str | None = None
    end_ids: frozenset[int] = frozenset()

    def encode(self, text: str) -> tuple[int, ...]:
        raw = text.encode()
        return self.fit(text, -(-len(raw) // _USUAL))

    def fit(self, text: str, count: int) -> tuple[int, ...]:
        """`text` in `count` tokens.

        Raises:
            Unbelievable: it is longer than so many tokens can be.
        """
        raw = text.encode()
        if len(raw) > _BYTES * count:
            raise Unbelievable(f"it counts {count} tokens in a text of {len(raw)} bytes")
        pieces = [raw[len(raw) * at // count : len(raw) * (at + 1) // count] for at in range(count)]
        return tuple(_MARK | len(piece) << 56 | int.from_bytes(piece, "big") if piece else UNSEEN for piece in pieces)

    def decode(self, tokens: Sequence[int]) -> str:
        raw = b"".join((token & (1 << 56) - 1).to_bytes(token >> 56 & 7, "big") for token in tokens if token & _MARK)
        return raw.decode("utf-8", "replace")

    def render(self, prompt: str | Sequence[Turn], system: str | None = None) -> str:
        if not isinstance(prompt, str):
            prompt = "\n\n".join(turn.content for turn in prompt)
        return (f"{system}\n\n" if system else "") + prompt
