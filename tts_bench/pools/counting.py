"""How many tokens a recorded output has, and where each begins: as its file states, or by a named tokenizer."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Literal

from tts_bench.errors import UserError
from tts_bench.pools.entry import Output
from tts_bench.pools.split import Parts

Unit = Literal["stated", "pieces", "tokenizer"]
Offsets = Callable[[Sequence[str]], Iterable[list[int]]]  # texts -> where each token begins, in characters

_LONGEST = 0xFFFF  # bytes of a token whose length is kept


@dataclass(frozen=True, slots=True)
class Counted:
    """An output's parts in tokens. `lengths`: bytes of each token; empty: all alike, as far as bytes go."""

    thinking: int
    answer: int
    lengths: bytes  # uint16
    unit: Unit


def stated(output: Output, parts: Parts, where: str) -> Counted | None:
    """The tokens that the file tells of; None where it tells of none.

    Raises:
        UserError: its numbers contradict each other.
    """
    if output.pieces and "".join(output.pieces) == parts.thinking + parts.answer:
        lengths = [len(piece.encode()) for piece in output.pieces]
        if counted := _at(lengths, len(parts.thinking.encode())):
            return counted
    total = output.tokens if output.tokens is not None else len(output.logprobs) or None
    thinking, answer = output.thinking_tokens, output.answer_tokens
    if thinking is not None and answer is not None:
        if total is not None and thinking + answer != total:
            raise UserError(f"{where}: it has {thinking:,} and {answer:,} tokens, and {total:,} in all. Correct one.")
    elif total is not None:
        thinking = thinking or _share(parts, total)  # servers say 0 where they do not count it
        if answer is not None:
            thinking = total - answer
        elif not parts.answer:
            thinking = total
        if not 0 <= thinking <= total:
            raise UserError(f"{where}: it has {thinking:,} tokens of thinking and {total:,} in all. Correct one.")
        answer = total - thinking
    else:
        return None
    if output.logprobs and len(output.logprobs) != thinking + answer:
        raise UserError(
            f"{where}: its tokens number {thinking + answer:,}, its log-probabilities {len(output.logprobs):,}; "
            "expected one for each token."
        )
    if (thinking == 0 and parts.thinking) or (answer == 0 and parts.answer):
        raise UserError(f"{where}: it has 0 tokens for a text that is not empty. Correct or remove the counts.")
    return Counted(thinking, answer, b"", "stated")


def _share(parts: Parts, total: int) -> int:
    """Of `total` tokens those of thinking, shared out by the lengths of the texts."""
    thought, said = len(parts.thinking.encode()), len(parts.answer.encode())
    if not thought or not said:
        return total if thought or not said else 0
    return min(total - 1, max(1, round(total * thought / (thought + said)))) if total > 1 else total


def by_tokenizer(parts: Sequence[Parts], offsets: Offsets) -> list[Counted]:
    """The tokens of texts that nobody counted: thinking and answer each by itself, as a model is given them."""
    texts = [text for each in parts for text in (each.thinking, each.answer)]
    begins = iter(offsets(texts))
    return [_counted(each, next(begins), next(begins)) for each in parts]


def _counted(parts: Parts, thought: list[int], said: list[int]) -> Counted:
    thinking, answer = _lengths(parts.thinking, thought), _lengths(parts.answer, said)
    return Counted(len(thinking), len(answer), _packed(thinking + answer), "tokenizer")


def _lengths(text: str, begins: list[int]) -> list[int]:
    """Bytes of each token. One that stands within a character has none; the first has what stands before it."""
    if not text:
        return []
    places = list(accumulate(begins[1:], max, initial=0))
    if not text.isascii():
        return [len(text[begin:end].encode()) for begin, end in pairwise([*places, len(text)])]
    return [end - begin for begin, end in pairwise([*places, len(text)])]


def _at(lengths: list[int], place: int) -> Counted | None:
    """Tokens of both parts, which meet at byte `place`. A token that straddles it is thinking, and its end is told with
    the next; None where there is no next.
    """
    ends = list(accumulate(lengths))
    thinking = bisect_left(ends, place) + 1 if place else 0
    beyond = ends[thinking - 1] - place if thinking else 0
    if beyond:
        if thinking == len(lengths):
            return None
        lengths = [*lengths]
        lengths[thinking - 1] -= beyond
        lengths[thinking] += beyond
    return Counted(thinking, len(lengths) - thinking, _packed(lengths), "pieces")


def _packed(lengths: list[int]) -> bytes:
    return b"" if max(lengths, default=0) > _LONGEST else array("H", lengths).tobytes()
