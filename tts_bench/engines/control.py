"""Control tokens that a problem's text spells: they are encoded as the plain text that they are.

The text is marked where it enters a chat template, and the marks are read where the rendered prompt is encoded. A mark
is one private character a token, so a template that trims, splits or searches its contents meets nothing it knows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import chain, pairwise
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
        self._added = frozenset(added)
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

    def count(self, tokens: Iterable[int]) -> int:
        """How many of `tokens` are control tokens."""
        return sum(token in self._ids for token in tokens)

    def shown(self, text: str) -> str:
        """`text` with its marks spelled out again."""
        return _MARK.sub(lambda found: self._texts[ord(found[0]) - _FIRST], text)

    def encode(self, text: str) -> tuple[int, ...]:
        """Token ids of a text with marks: what is marked as plain text, everything around it as ever.

        Raises:
            EngineError: the tokenizer has no way to say one of them in plain text.
        """
        spelled = self.shown(text)
        ids = self._by_offsets(text, spelled) if self._inner.is_fast else self._by_pieces(text)
        # SentencePiece puts a space behind each control token that it reads: what was one is told by all other letters.
        if _letters(self._decode(ids)) != _letters(self._decode(self._read(spelled))):
            raise EngineError("the prompt contains a control token that this tokenizer cannot encode as plain text")
        return tuple(ids)

    def _by_offsets(self, text: str, spelled: str) -> list[int]:
        """Encode all of it; then again, without a search for added tokens, what stands between those that are meant."""
        spans = self._spans(text)
        read: Any = self._inner(spelled, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        ids: list[int] = []
        stretch: list[int] = []
        begin = 0
        tokens = [*zip(read["input_ids"], read["offset_mapping"], strict=True), (-1, (len(spelled), len(spelled)))]
        for token, (start, end) in tokens:
            meant = token == -1 or (token in self._added and not any(b < end and start < e for b, e in spans))
            if not meant:
                stretch.append(token)
                continue
            inside = [(b - begin, e - begin) for b, e in spans if begin <= b and e <= start]
            ids += self._stretch(spelled[begin:start], inside, stretch) if inside else stretch
            ids += [token] if token != -1 else []
            stretch, begin = [], end
        return ids

    def _stretch(self, text: str, spans: list[tuple[int, int]], read: list[int]) -> list[int]:
        """Plain text between two control tokens that are meant, with `spans` that only look like some."""
        before = text[: spans[0][0]]
        lead = read[: next((at for at, token in enumerate(read) if token in self._ids), 0)]
        encode = self._pipeline  # some tokenizers put a space before the first stretch only
        if before and self._pipeline(before) != lead and self._behind(before) == lead:
            encode = self._behind
        ids = encode(text)
        if not self._ids.intersection(ids):
            return ids
        cuts = [0, *(begin + 1 for begin, _ in spans), len(text)]  # the model's own vocabulary has them whole
        first, *rest = (text[a:b] for a, b in pairwise(cuts))
        ids = encode(first) + list(chain.from_iterable(map(self._behind, rest)))
        if self._ids.intersection(ids):
            raise EngineError(f"the tokenizer cannot encode {text!r} as plain text")
        return ids

    def _by_pieces(self, text: str) -> list[int]:
        """For a tokenizer that tells no offsets: it has no memory of what stands before a piece either."""
        ids: list[int] = []
        for piece in _split(text):
            if not self.marked(piece):
                ids += self._read(piece)
                continue
            spelled = self.shown(piece)
            halves = (self._read(spelled[:cut]) + self._read(spelled[cut:]) for cut in range(1, len(spelled)))
            plain = next((half for half in halves if not self._ids.intersection(half)), None)
            if plain is None:
                raise EngineError(f"the tokenizer cannot encode {spelled!r} as plain text")
            ids += plain
        return ids

    def _spans(self, text: str) -> list[tuple[int, int]]:
        """Where what is marked stands once it is spelled out."""
        spans, at = [], 0
        for piece in _split(text):
            length = len(self.shown(piece))
            if self.marked(piece):
                spans.append((at, at + length))
            at += length
        return spans

    def _behind(self, text: str) -> list[int]:
        """Token ids of `text` where it does not stand first."""
        lead, both = self._pipeline(_ANCHOR), self._pipeline(_ANCHOR + text)
        return both[len(lead) :] if both[: len(lead)] == lead else self._pipeline(text)

    def _pipeline(self, text: str) -> list[int]:
        """The tokenizer's normalizer, splitter and model, without the search for added tokens that precedes them."""
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


def _letters(text: str) -> str:
    return "".join(text.split())


def _split(text: str) -> list[str]:
    """Marks, and the texts between them."""
    return [piece for piece in re.split(f"({_MARK.pattern})", text) if piece]
