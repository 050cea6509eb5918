"""What a strategy hands to its reasoner, checked: a value of the wrong kind is that strategy's misuse."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Any

from tts_bench.api import Sampling, Turn
from tts_bench.core.ledger import listed
from tts_bench.errors import Misuse

_ROLES = ("system", "user", "assistant")


def text(value: Any, what: str) -> str:  # noqa: ANN401
    """
    Raises:
        Misuse: it is none, or holds what UTF-8 has not.
    """
    if not isinstance(value, str):
        raise Misuse(f"{what} is a {type(value).__name__}; it takes a text")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Misuse(f"{what} holds half of a surrogate pair, which no tokenizer can read") from None
    return value


def texts(value: Any, what: str) -> tuple[str, ...]:  # noqa: ANN401
    """
    Raises:
        Misuse: it is no list of texts, or one of them is empty.
    """
    found = tuple(text(each, what) for each in listed(value, what))
    if not all(found):
        raise Misuse(f"{what} holds an empty text, which stands everywhere")
    return found


def count(value: Any, what: str) -> int | None:  # noqa: ANN401
    """
    Raises:
        Misuse: it is neither None nor a whole number from 1 upwards.
    """
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise Misuse(f"{what} is {value!r}; it takes a whole number from 1 upwards")
    return value


def sampling(value: Any, what: str) -> None:  # noqa: ANN401
    """
    Raises:
        Misuse: it is neither None nor a `Sampling`.
    """
    if value is not None and type(value) is not Sampling:
        raise Misuse(f"{what} was given the sampling {value!r}; it takes a tts_bench.api.Sampling")


def weights(value: Any, ballots: int) -> list[float]:  # noqa: ANN401
    """
    Raises:
        Misuse: it is not one finite number from 0 upwards for each ballot.
    """
    found = listed(value, "weights of vote()")
    if len(found) != ballots:
        raise Misuse(f"vote() was given {ballots} answers and {len(found)} weights")
    for each in found:
        if not isinstance(each, int | float) or isinstance(each, bool) or not isfinite(each) or each < 0:
            raise Misuse(f"vote() was given the weight {each!r}; it takes finite numbers from 0 upwards")
    return [float(each) for each in found]  # type: ignore[arg-type]


def conversation(value: Any) -> None:  # noqa: ANN401
    """
    Raises:
        Misuse: it is neither a text nor a list of turns.
    """
    if isinstance(value, str):
        text(value, "the prompt of ask()")
        return
    turns = listed(value, "the prompt of ask()")
    for turn in turns:
        if not isinstance(turn, Turn) or turn.role not in _ROLES:
            raise Misuse(f"ask() was given the turn {turn!r}; it takes a Turn(role, content), role one of {_ROLES}")
        text(turn.content, "a turn of ask()")
    if not turns or turns[-1].role != "user":  # type: ignore[attr-defined]
        raise Misuse("ask() was given a conversation that does not end with a turn of the user")


def handles(value: Any, own: Any) -> Sequence[Any]:  # noqa: ANN401
    """
    Raises:
        Misuse: it is no list of handles of this problem.
    """
    found = listed(value, "handles of race()")
    if not found:
        raise Misuse("race() was given no handles")
    for each in found:
        if getattr(each, "ledger", None) is not own.ledger:
            raise Misuse(f"race() was given a {type(each).__name__}; it takes handles that branch() or ask() gave")
    return found
