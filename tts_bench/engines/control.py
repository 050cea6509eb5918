"""Control tokens that a problem's text spells: they are encoded as the plain text that they are.

The text is marked where it enters a chat template, and the marks are read where the rendered prompt is encoded. A mark
is one private character a token, so a template that trims, splits or searches its contents meets nothing it knows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, cast

from transformers import PreTrainedTokenizerBase

from tts_bench.errors import EngineError

_FIRST, _LAST = 0x100000, 0x10FFFD  # Supplementary Private Use Area-B: no text means anything by it
_MARK = re.compile(f"[{chr(_FIRST)}-{chr(_LAST)}]")
# Not special, as the tokenizer says, and a delimiter all the same: <think>, </tool_call>, <seed:think>, [THINK].
_DELIMITER = re.compile(r"</?\w*(think|thought|reason|tool|answer|response)\w*>|[<\[◁｜].*[|:_▷｜].*|\[/?[A-Z]+\]")  # noqa: RUF001
_ANCHOR = "\n"  # before a text, for tokenizers that put a space before the first one


class ControlTokens:
    """The control tokens of one tokenizer."""

    def __init__(self, inner: PreTrainedTokenizerBase) -> None:
        added = {index: str(token) for index, token in inner.added_tokens_decoder.items() if str(token).strip()}
        special = {index for index, token in inner.added_tokens_decoder.items() if token.special}
        named = {i: text for i, text in added.items() if i in special or _DELIMITER.fullmatch(text)}
        self._inner = inner
        self._ids = frozenset(named)
        self._texts = sorted(set(named.values()))
        longest_first = sorted(self._texts, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def mark(self, text: str) -> str:
        """`text` with each control token that it spells replaced by its mark."""
        text = _MARK.sub("\ufffd", text)  # nobody forges a mark
        if self._pattern is None:
            return text
        return self._pattern.sub(lambda found: chr(_FIRST + self._texts.index(found[0])), text)

    def marked(self, text: str) -> bool:
        """Whether `text` has marks."""
        return _MARK.search(text) is not None

    def shown(self, text: str) -> str:
        """`text` with its marks spelled out again."""
        return _MARK.sub(lambda found: self._texts[ord(found[0]) - _FIRST], text)

    def encode(self, text: str) -> tuple[int, ...]:
        """Token ids of a text with marks: what is marked as plain text, everything around it as ever.

        Raises:
            EngineError: the tokenizer has no way to say one of them in plain text.
        """
        spelled = self.shown(text)
        wanted = self._decode(self._read(spelled))
        for way in (self._replaced, self._pieced):
            ids = way(text, spelled)
            if ids is not None and self._decode(ids) == wanted:
                return tuple(ids)
        raise EngineError("the prompt spells a control token that this tokenizer cannot say in plain text")

    def _replaced(self, text: str, spelled: str) -> list[int] | None:
        """Encode all of it, then put plain text in the place of the tokens that were marked."""
        if not self._inner.is_fast:
            return None
        spans, at = [], 0
        for piece in _split(text):
            length = len(self.shown(piece))
            if self.marked(piece):
                spans.append((at, at + length))
            at += length
        read: Any = self._inner(spelled, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        ids: list[int] = []
        replaced = 0
        for token, (begin, end) in zip(read["input_ids"], read["offset_mapping"], strict=True):
            if token in self._ids and any(begin < e and b < end for b, e in spans):
                ids += self._plain(spelled[begin:end])  # with the white space that some tokens swallow
                replaced += 1
            else:
                ids.append(token)
        return ids if replaced == len(spans) else None

    def _pieced(self, text: str, spelled: str) -> list[int]:
        """Encode piece by piece: exact where a tokenizer has no memory of what stands before."""
        pieces = ((self._plain(self.shown(p)) if self.marked(p) else self._read(p)) for p in _split(text))
        return list(chain.from_iterable(pieces))

    def _plain(self, text: str) -> list[int]:
        """Token ids of one control token's text, none of which is a control token."""
        whole = self._without_added(text)
        if not self._ids.intersection(whole):
            return whole
        for cut in range(1, len(text)):  # the model's own vocabulary has it whole
            halves = self._without_added(text[:cut]) + self._without_added(text[cut:])
            if not self._ids.intersection(halves):
                return halves
        raise EngineError(f"the tokenizer cannot say {text!r} in plain text")

    def _without_added(self, text: str) -> list[int]:
        lead, both = self._pipeline(_ANCHOR), self._pipeline(_ANCHOR + text)
        return both[len(lead) :] if both[: len(lead)] == lead else self._pipeline(text)

    def _pipeline(self, text: str) -> list[int]:
        """The tokenizer's normalizer, splitter and model, without the search for added tokens that precedes them."""
        if not self._inner.is_fast:
            return self._read(text)
        backend: Any = cast(Any, self._inner).backend_tokenizer
        if backend.normalizer is not None:
            text = backend.normalizer.normalize_str(text)
        pieces: Iterable[str] = [text]
        if backend.pre_tokenizer is not None:
            pieces = [piece for piece, _ in backend.pre_tokenizer.pre_tokenize_str(text)]
        return [token.id for piece in pieces for token in backend.model.tokenize(piece)]

    def _read(self, text: str) -> list[int]:
        return list(self._inner.encode(text, add_special_tokens=False))

    def _decode(self, ids: Sequence[int]) -> str:
        said = self._inner.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False)
        return cast(str, said)


def _split(text: str) -> list[str]:
    """Marks, and the texts between them."""
    return [piece for piece in re.split(f"({_MARK.pattern})", text) if piece]
