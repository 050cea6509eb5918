"""Tokens of text that no tokenizer is known for: pieces of UTF-8, of 4 bytes each."""

from __future__ import annotations

from collections.abc import Sequence

from tts_bench.api import Turn

BYTES = 7  # an id holds up to 7 bytes of text, and how many they are
_MARK, _USUAL = 1 << 62, 4  # bytes of a token, where nobody counts


class EstimatedTokenizer:
    """Implements `tts_bench.engine.Tokenizer`. Other ids than its own have no text."""

    chat_template: str | None = None
    end_ids: frozenset[int] = frozenset()

    def encode(self, text: str) -> tuple[int, ...]:
        raw = text.encode()
        count = -(-len(raw) // _USUAL)
        return tuple(token(raw[len(raw) * at // count : len(raw) * (at + 1) // count]) for at in range(count))

    def decode(self, tokens: Sequence[int]) -> str:
        raw = b"".join((token & (1 << 56) - 1).to_bytes(token >> 56 & 7, "big") for token in tokens if token & _MARK)
        return raw.decode("utf-8", "replace")

    def render(self, prompt: str | Sequence[Turn], system: str | None = None) -> str:
        if not isinstance(prompt, str):
            prompt = "\n\n".join(turn.content for turn in prompt)
        return (f"{system}\n\n" if system else "") + prompt


def token(piece: bytes) -> int:
    """The id of 1 to `BYTES` bytes."""
    return _MARK | len(piece) << 56 | int.from_bytes(piece, "big")
