"""Errors that a person reads: what was found, what was expected, what to type."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_BEGINNING, _END = 2999, 1000  # characters kept of a message, which may quote a name or a reply of any length


class Message(Exception):
    """A message of bounded length; where it is cut it keeps its end, which says what to type."""

    def __init__(self, message: str) -> None:
        whole = len(message) <= _BEGINNING + 1 + _END
        super().__init__(message if whole else f"{message[:_BEGINNING]}…{message[-_END:]}")


class UserError(Message):
    """A mistake that the user can fix. The command line prints it without a traceback and exits with code 2."""


class Misuse(Message):
    """A strategy used its reasoner in a way the contract forbids. Recorded as that strategy's error on that problem."""


class EngineError(Message):
    """Generation failed or is impossible for one problem. Recorded as an error of that problem, never as an answer."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A sentence that offers the nearest known word, or lists them all; for the end of a `UserError`."""
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1)
    if close:
        return f"Did you mean {close[0]!r}?"
    return f"Known: {', '.join(names)}." if names else "None is known."
