"""What every reader of recorded outputs gives, and how it looks at values that others wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from tts_bench.errors import UserError
from tts_bench.foreign import json_kind

MOST_TOKENS = 1_000_000  # of one output: a count that nobody checked must not make an enormous one
_ROUNDING = 1e-3  # how far above 0 a log-probability may come out
_LIMITS = frozenset({"length", "max_tokens", "model_length", "max_length", "max_output_tokens"})
_NEITHER = frozenset({"", "unknown", "abort", "error", "content_filter"})  # no limit, and no end of its own

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Output:
    """One recorded output, as far as its file tells of it."""

    text: str  # all of it; or what follows the thinking, where the file keeps them apart
    thinking: str | None = None  # None: not kept apart
    tokens: int | None = None  # sampled in all
    thinking_tokens: int | None = None
    answer_tokens: int | None = None
    cut: bool | None = None  # whether a limit ended it; None: its file does not tell
    pieces: tuple[str, ...] = ()  # the texts of its tokens, where the file has them
    logprobs: tuple[float, ...] = ()  # of each token
    top: tuple[tuple[float, ...], ...] = ()  # the largest log-probabilities at each token
    score: float | None = None  # what a scorer said of it
    verdict: float | None = None  # what the tool that made the file scored it with


@dataclass(frozen=True, slots=True)
class Entry:
    """Outputs to one problem, from one place of a file."""

    line: int  # of the file, from 1; of an archive the place of the member
    where: str  # file and line, for messages
    number: int | str | None  # the problem, as the file names it
    questions: tuple[str, ...]  # texts that may be the problem's, the surest first
    outputs: tuple[Output, ...]
    place: int | None = None  # which of the problem's outputs the only one is, if the file says; else the next
    from_zero: bool = True  # whether a number counts the task's problems from 0
    name: str = ""  # which no other entry of its file has
    uuid: str = ""  # which no other entry of any file has


def at_most(count: int, where: str, name: str) -> int:
    """`count`, unless it is out of range.

    Raises:
        UserError: it is below 0 or above `MOST_TOKENS`.
    """
    if not 0 <= count <= MOST_TOKENS:
        raise UserError(f"{where}: {name!r} is {count:,}; expected a whole number from 0 to {MOST_TOKENS:,}.")
    return count


def _check_length(found: Sequence[object], where: str, name: str) -> None:
    if len(found) > MOST_TOKENS:
        raise UserError(
            f"{where}: {name!r} has {len(found):,} values; expected one per token, at most {MOST_TOKENS:,}."
        )


class Values:
    """The values of one JSON object. What is absent or null is None.

    Raises:
        UserError: from every method, for a value of another type, by file and line.
    """

    def __init__(self, row: object, where: str, what: str = "the line") -> None:
        if not isinstance(row, dict):
            raise UserError(f"{where}: {what} is a JSON {json_kind(row)}; expected an object.")
        self.row: dict[str, Any] = row
        self.where = where

    def first(self, *names: str) -> str | None:
        """The first of `names` that has a value."""
        return next((name for name in names if self.row.get(name) is not None), None)

    def text(self, *names: str) -> str | None:
        name = self.first(*names)
        return None if name is None else self._of(name, str, "a text")

    def count(self, *names: str) -> int | None:
        name = self.first(*names)
        return None if name is None else at_most(self._of(name, int, "a whole number"), self.where, name)

    def number(self, *names: str) -> float | None:
        name = self.first(*names)
        found = None if name is None else float(self._of(name, (int, float), "a number"))
        if found is not None and not isfinite(found):
            raise UserError(f"{self.where}: {name!r} is {found}; expected a number that is finite.")
        return found

    def list(self, name: str) -> list[Any] | None:
        return None if self.first(name) is None else self._of(name, list, "a list")

    def inner(self, name: str) -> Values | None:
        found = self.row.get(name)
        return None if found is None else Values(found, self.where, repr(name))

    def identity(self, *names: str) -> int | str | None:
        """What names a problem: a number or a text."""
        name = self.first(*names)
        found: int | str | None = None if name is None else self._of(name, (int, str), "a whole number or a text")
        return found

    def numbers(self, name: str, found: object) -> tuple[float, ...]:
        """A list of numbers, such as log-probabilities."""
        if not isinstance(found, list) or not all(type(each) in (int, float) and isfinite(each) for each in found):
            raise UserError(f"{self.where}: {name!r} is not a list of numbers; expected one per token.")
        _check_length(found, self.where, name)
        return tuple(map(float, found))

    def _of(self, name: str, kind: Any, expected: str) -> Any:  # noqa: ANN401 - of that kind
        value = self.row[name]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            found = repr(value) if isinstance(value, float) else f"a JSON {json_kind(value)}"
            raise UserError(f"{self.where}: {name!r} is {found}; expected {expected}.")
        return value


def logprobs(found: object, values: Values) -> dict[str, Any]:
    """What a file's `logprobs` say of an output: a list of numbers, or tokens as OpenAI's chat endpoint words them.

    Raises:
        UserError: they are neither.
    """
    if isinstance(found, list):
        return {"logprobs": tuple(_at_most_0(each, values.where) for each in values.numbers("logprobs", found))}
    own = Values(found, values.where, "'logprobs'")
    content = own.list("content") or []
    _check_length(content, values.where, "logprobs")
    pieces, numbers, top = [], [], []
    for each in content:
        token = Values(each, values.where, "a token of 'logprobs'")
        number = token.number("logprob")
        if number is None:
            raise UserError(f"{values.where}: a token of 'logprobs' has no 'logprob'. Remove 'logprobs', or give all.")
        numbers.append(_at_most_0(number, values.where))
        pieces.append(token.text("token") or "")
        others = [Values(other, values.where, "one of 'top_logprobs'") for other in token.list("top_logprobs") or ()]
        largest = (_at_most_0(other.number("logprob") or 0.0, values.where) for other in others)
        top.append(tuple(sorted(largest, reverse=True)))
    least = min(map(len, top), default=0)
    return {
        "pieces": tuple(pieces),
        "logprobs": tuple(numbers),
        "top": tuple(each[:least] for each in top) if least else (),
    }


def _at_most_0(found: float, where: str) -> float:
    """A log-probability, without what rounding put on top of 0.

    Raises:
        UserError: it is larger, so it is none.
    """
    if found > _ROUNDING:
        raise UserError(
            f"{where}: a log-probability is {found:g}; expected natural logarithms of probabilities, which are at most "
            "0. Take the logarithms, or remove 'logprobs'."
        )
    return min(found, 0.0)


def cut(reason: str | None) -> bool | None:
    """Whether a limit ended an output that finished for this reason; None where the reason does not tell."""
    said = (reason or "").lower()
    return None if said in _NEITHER else said in _LIMITS


def one_of(texts: Sequence[object]) -> tuple[str, ...]:
    """The texts among `texts`, each once."""
    return tuple(dict.fromkeys(text for text in texts if isinstance(text, str) and text.strip()))
