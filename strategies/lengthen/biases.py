"""Logit biases, for strategies that make some words less likely while thinking."""

from __future__ import annotations

from collections.abc import Sequence

from tts_bench.api import Reasoner


def spoken(words: Sequence[str]) -> tuple[str, ...]:
    """Each word as written and in lower case, alone and after a space."""
    return tuple(dict.fromkeys(space + form for word in words for form in (word, word.lower()) for space in ("", " ")))


def first_tokens(reasoner: Reasoner, texts: Sequence[str], added: float) -> tuple[tuple[int | str, float], ...]:
    """`added` to the first token of each text. A token that is only a space is skipped: it begins too many others."""
    found = {tokens[0] for text in texts if (tokens := reasoner.tokens(text))} - set(reasoner.tokens(" "))
    return tuple((token, added) for token in sorted(found))
