"""Columns from what a server tells of its tokens."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from msgspec import Raw, Struct

from tts_bench.columns import LOGPROB, Columns, top_of
from tts_bench.engine import Generation, Request
from tts_bench.engines.openai.client import Unbelievable
from tts_bench.engines.openai.tokenizer import EndpointTokenizer
from tts_bench.engines.openai.wire import Reply, decode

_CHARACTER = 8  # tokens that the last character of a text may be of, at most
_BY_ID, _DIGITS = "token_id:", 10  # how vLLM names a token by its id, and how long that may be
_ROUNDED = 1e-3  # above 0: a log-probability of rounded numbers
_LEAST = -3e38  # that float32 holds: servers have numbers of their own for what is impossible


@dataclass(frozen=True)
class Told:
    """What a server tells of one sampled token."""

    id: int
    logprob: float
    top: tuple[float, ...]  # the largest log-probabilities there, in descending order


class _Alternative(Struct):
    logprob: float


class _Place(Struct):  # llama.cpp
    id: int
    logprob: float
    top_logprobs: list[_Alternative] = []


class _Logprobs(Struct):
    content: Raw = Raw(b"null")
    tokens: Raw = Raw(b"null")  # vLLM
    token_logprobs: Raw = Raw(b"null")
    top_logprobs: Raw = Raw(b"null")


def told(reply: Reply) -> tuple[Told, ...]:
    """What `reply` tells of each token, as llama.cpp tells it or vLLM; of none where it names tokens by their texts.

    Raises:
        Unbelievable: it is not as it has to be, or no logarithms of probabilities.
    """
    if not reply.places.startswith(b"{"):
        return ()
    said = decode(reply.places, _Logprobs)
    if bytes(said.content) != b"null":
        places = decode(said.content, list[_Place])
        return tuple(_believed(each.id, each.logprob, [one.logprob for one in each.top_logprobs]) for each in places)
    names = decode(said.tokens, list[str] | None) or []  # type: ignore[arg-type]
    numbers = decode(said.token_logprobs, list[float | None] | None) or []  # type: ignore[arg-type]
    tops = decode(said.top_logprobs, list[dict[str, float] | None] | None) or []  # type: ignore[arg-type]
    ids = [name.removeprefix(_BY_ID) for name in names]
    if not all(name.startswith(_BY_ID) and each.isdecimal() for name, each in zip(names, ids, strict=True)):
        return ()
    if not len(names) == len(numbers) == len(tops):
        raise Unbelievable(f"it returns {len(numbers)} and {len(tops)} log-probabilities for {len(names)} tokens")
    return tuple(
        _believed(int(each[:_DIGITS]), math.nan if number is None else number, list((top or {}).values()))
        for each, number, top in zip(ids, numbers, tops, strict=True)
    )


def _believed(token: int, logprob: float, top: list[float]) -> Told:
    if not all(number <= _ROUNDED for number in (logprob, *top)):  # NaN fails this comparison too
        raise Unbelievable(f"it returns a log-probability of {max(logprob, *top)}")
    return Told(token, max(logprob, _LEAST), tuple(max(number, _LEAST) for number in sorted(top, reverse=True)))


def wanted(columns: Sequence[str]) -> int:
    """Of how many tokens a server is asked for log-probabilities, so that it tells all `columns`."""
    return max((max(1, top_of(name)) for name in columns), default=0)


def columns_of(reply: Reply, made: Generation, request: Request, tokenizer: EndpointTokenizer) -> Columns:
    """The columns of `request` for the tokens that were `made` of `reply`. NaN where a server leaves out a token.

    llama.cpp does: those that end inside a character, and those of a stop text.

    Raises:
        Unbelievable: it tells of other tokens, or of fewer alternatives than were asked for.
    """
    places = list(_places(reply, made, request, tokenizer))
    return Columns.of({name: [_number(place, name) for place in places] for name in request.columns})


def first_told(reply: Reply, top: int) -> list[tuple[float, ...]]:
    """The `top` largest log-probabilities at the first token, in a list; an empty one where so many are not told."""
    try:
        said = told(reply)
    except Unbelievable:
        return []
    return [said[0].top[:top]] if said and len(said[0].top) >= top else []


def _number(place: Told | None, name: str) -> float:
    if place is None:
        return math.nan
    if name == LOGPROB:
        return place.logprob
    count = top_of(name)
    if len(place.top) < count:
        raise Unbelievable(f"it returns the log-probabilities of {len(place.top)} tokens instead of {count}")
    return math.fsum(place.top[:count]) / count


def _places(reply: Reply, made: Generation, request: Request, tokenizer: EndpointTokenizer) -> Iterator[Told | None]:
    """What is told of each token, or None where it is left out."""
    said, tokens = told(reply), made.tokens
    everything = len(said) >= len(tokens)
    before = request.prefix[-_CHARACTER:]
    # The server cuts its own spelling of a stop text off, which may have more tokens than were sampled.
    ending = max(made.stop, len(tokenizer.encode(reply.stop)) if isinstance(reply.stop, str) else 0)
    at = 0
    for place, token in enumerate(tokens):
        last = (*before, *tokens[max(0, place - _CHARACTER) : place + 1])
        if not everything and tokenizer.decode(last).endswith("\ufffd"):
            yield None
        elif at < len(said) and said[at].id == token:
            yield said[at]
            at += 1
        elif at == len(said) and made.stop and place >= len(tokens) - ending:
            yield None
        else:
            raise Unbelievable(f"it returns another token at position {place}, or none")
