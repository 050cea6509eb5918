"""What a strategy hands to its reasoner, checked: a value of the wrong kind is that strategy's misuse.

What comes back is a plain copy: a subclass may say one thing here and another later, and an object may be changed
while a generation is under way that others share.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Callable, Sequence
from contextlib import suppress
from hashlib import sha256
from math import isfinite, nan
from typing import Any, Literal

from tts_bench.api import LearnedToken, Sampling, Turn
from tts_bench.core.ledger import listed
from tts_bench.errors import Misuse

_ROLES: tuple[Literal["system", "user", "assistant"], ...] = ("system", "user", "assistant")
_CALLS = 250  # that are left for an engine, of the thousand that Python allows
_LABEL = 1000  # characters; every segment of a record names its stream
_OURS = ("ask ", "effort ", "Sampling(", "label ")  # how parts of a stream's key begin that are no labels


def text(value: Any, what: str) -> str:  # noqa: ANN401
    """
    Raises:
        Misuse: it is none, or holds what UTF-8 has not.
    """
    if not isinstance(value, str):
        raise Misuse(f"{what} is a {type(value).__name__}; it takes a text")
    plain = str.__str__(value)
    try:
        plain.encode()
    except UnicodeEncodeError:
        raise Misuse(f"{what} holds half of a surrogate pair, which no tokenizer can read") from None
    return plain


def stack() -> None:
    """
    Raises:
        Misuse: so few calls are left that what serves others might break off in its midst.
    """
    with suppress(ValueError):  # the stack has no frame there, as it should be
        sys._getframe(max(1, sys.getrecursionlimit() - _CALLS))
        raise Misuse("the reasoner was called too deep in a recursion: nest fewer calls")


def shown(value: object) -> str:
    """A wrong value as a message quotes it. What cannot be written out is wrong all the same."""
    try:
        return str.__str__(repr(value))
    except Exception:  # such as of a number with too many digits
        return f"an unprintable {type(value).__name__}"


def one_of(value: Any, known: Sequence[str], what: str) -> str:  # noqa: ANN401
    """
    Raises:
        Misuse: it is none of the texts `known`.
    """
    plain = text(value, what)
    if plain not in known:
        raise Misuse(f"{what} is {plain!r}; it takes {' or '.join(map(repr, known))}")
    return plain


def label(value: Any, what: str) -> str:  # noqa: ANN401
    """A label, as the part of a stream's key that it is: no label makes the key of what a verb does.

    Raises:
        Misuse: it is no text, or has more than 1000 characters.
    """
    plain = text(value, what)
    if len(plain) > _LABEL:
        raise Misuse(f"{what} has {len(plain)} characters; it may have {_LABEL}")
    return f"label {plain}" if plain.startswith(_OURS) else plain


def texts(value: Any, what: str) -> tuple[str, ...]:  # noqa: ANN401
    """
    Raises:
        Misuse: it is no list of texts, or one of them is empty.
    """
    found = tuple(text(each, what) for each in listed(value, what))
    if not all(found):
        raise Misuse(f"{what} contains an empty text, which matches everywhere")
    return found


def count(value: Any, what: str) -> int | None:  # noqa: ANN401
    """
    Raises:
        Misuse: it is neither None nor a whole number from 1 upwards.
    """
    if value is None:
        return None
    plain = int.__index__(value) if isinstance(value, int) and not isinstance(value, bool) else 0
    if plain < 1:
        raise Misuse(f"{what} is {shown(value)}; it takes a whole number from 1 upwards")
    return plain


def some(value: Any, what: str, call: str) -> int:  # noqa: ANN401
    """As `count`, for a call that has no length of its own.

    Raises:
        Misuse: it is no whole number from 1 upwards.
    """
    found = count(value, f"{what} of {call}")
    if found is None:
        raise Misuse(f"{call} was given None; it takes a whole number of tokens from 1 upwards")
    return found


def sampling(value: Any, what: str) -> Sampling | None:  # noqa: ANN401
    """
    Raises:
        Misuse: it is neither None nor a `Sampling` of numbers within their ranges.
    """
    if value is None:
        return None
    if type(value) is Sampling and type(value.top_k) is int:
        try:
            bias = tuple((_token(token, what), float(added)) for token, added in value.bias)
            return Sampling(float(value.temperature), value.top_k, float(value.top_p), float(value.min_p), bias)
        except (ValueError, TypeError, OverflowError):
            pass
    raise Misuse(f"{what} was given the sampling {shown(value)}; it takes a tts_bench.api.Sampling")


def _token(value: Any, what: str) -> int | str:  # noqa: ANN401
    """A token of a bias, by its id or its text."""
    return text(value, f"a bias of {what}") if isinstance(value, str) else int.__index__(value)


def learned(token: LearnedToken, what: str) -> LearnedToken:
    """A learned token that is what its digest says: by that all strategies of a run know its row.

    Raises:
        Misuse: it is not.
    """
    try:
        row = array("f", token.row)
    except (TypeError, OverflowError):
        row = array("f", [nan])
    if not all(map(isfinite, row)):
        raise Misuse(f"{what} has a row with numbers that are not finite")
    if sys.byteorder == "big":
        row.byteswap()
    digest = sha256(row.tobytes()).hexdigest()
    if token.digest != digest:
        raise Misuse(f"{what} has a row that does not match its digest; load it from its folder")
    return LearnedToken(text(token.name, f"the name of {what}"), (*row,), token.model, digest)


def weights(value: Any, ballots: int) -> list[float]:  # noqa: ANN401
    """
    Raises:
        Misuse: it is not one finite number from 0 upwards for each ballot.
    """
    found = listed(value, "weights of vote()")
    if len(found) != ballots:
        raise Misuse(f"vote() was given {ballots} answers and {len(found)} weights")
    plain: list[float] = []
    for each in found:
        try:
            plain.append(float(each) if isinstance(each, int | float) and not isinstance(each, bool) else -1.0)
        except OverflowError:
            plain.append(-1.0)
        if not isfinite(plain[-1]) or plain[-1] < 0:
            raise Misuse(f"vote() was given the weight {shown(each)}; it takes finite numbers from 0 upwards")
    return plain


def conversation(value: Any) -> str | list[Turn]:  # noqa: ANN401
    """
    Raises:
        Misuse: it is neither a text nor a list of turns.
    """
    if isinstance(value, str):
        return text(value, "the prompt of ask()")
    turns: list[Turn] = []
    for turn in listed(value, "the prompt of ask()"):
        if type(turn) is not Turn or turn.role not in _ROLES:
            raise Misuse(
                f"ask() was given the turn {shown(turn)}; it takes a Turn(role, content), role one of {_ROLES}"
            )
        turns.append(Turn(_ROLES[_ROLES.index(turn.role)], text(turn.content, "a turn of ask()")))
    if not turns or turns[-1].role != "user":
        raise Misuse("ask() was given a conversation that does not end with a user turn")
    return turns


def handles(value: Any, own: Any) -> Sequence[Any]:  # noqa: ANN401
    """
    Raises:
        Misuse: it is no list of handles of this problem.
    """
    found = listed(value, "handles of race()")
    if not found:
        raise Misuse("race() was given no handles")
    for each in found:
        if type(each) is not type(own) or each.ledger is not own.ledger:  # type: ignore[attr-defined]
            raise Misuse(f"race() was given a {type(each).__name__}; it takes handles from branch() or ask()")
    return found


def function(value: Callable[..., Any] | None, what: str) -> None:
    """
    Raises:
        Misuse: it is neither None nor a function.
    """
    if value is not None and not callable(value):
        raise Misuse(f"{what} is a {type(value).__name__}; it takes a function")
