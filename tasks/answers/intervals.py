"""Sets of real numbers, by the classes of intervals and points: each set has one class, however it was put together.

A set is a list of spans between cuts in the line of numbers. A cut lies right before a number or right after it, so
`(2` and `2]` are the cut after 2, `[2` and `2)` the one before it, and the point 2 is what lies between the two.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import NamedTuple

from tts_bench.tasks.answers.evaluation import Undefined, evaluate, variables
from tts_bench.tasks.answers.forms import several
from tts_bench.tasks.answers.numbers import Value, context, inexact, is_real
from tts_bench.tasks.answers.syntax import Unreadable, parse

ALL, NONE = "(-oo, oo)", "{}"
_INTERVAL = re.compile(r"(?P<open>[(\[])(?P<low>[^,]+), (?P<high>[^,]+)(?P<close>[)\]])")
_INFINITE = {"oo": "inf", "-oo": "-inf"}


class _Cut(NamedTuple):
    number: Value
    after: bool
    text: str


_Spans = list[tuple[_Cut, _Cut]]  # from cut to cut, in rising order


def is_set(text: str) -> bool:
    """Whether a class is that of a set of real numbers; a number is the set of itself."""
    return _spans(text) is not None


def union(parts: Sequence[str]) -> str:
    """The class of a union of sets; where one of them is no set of known numbers, they come in one order."""
    spans = _all_spans(parts)
    if spans is None:
        return " U ".join(sorted(set(parts), key=lambda part: (not part.startswith(("(-oo", "[-oo")), part)))
    return _shown(_joined(chain(*spans)))


def intersection(parts: Sequence[str]) -> str | None:
    """The class of what is in all of these sets; None where one of them is no set of known numbers."""
    spans = _all_spans(parts)
    return None if spans is None else _shown(_complement(_joined(chain(*map(_complement, spans)))))


def without(whole: str, removed: Sequence[str]) -> str:
    """The class of a set without the numbers in others."""
    spans = _all_spans([whole, *removed])
    if spans is None:
        return f"{whole} without {', '.join(sorted(removed))}"
    return _shown(_complement(_joined(chain(_complement(spans[0]), *spans[1:]))))


def _all_spans(parts: Sequence[str]) -> list[_Spans] | None:
    spans = [found for part in parts if (found := _spans(part)) is not None]
    return spans if len(spans) == len(parts) else None


def _spans(text: str) -> _Spans | None:
    """The set of a class such as `(-oo, 1) U 2 U [3, 4]` or `1, 2`."""
    found: _Spans = []
    for piece in text.split(" U ") if text != NONE else ():
        interval = _INTERVAL.fullmatch(piece)
        if interval:
            ends = [(interval["low"], interval["open"] == "("), (interval["high"], interval["close"] == "]")]
        else:
            ends = [(number, after) for number in piece.split(", ") for after in (False, True)]
        cuts = [_cut(*end) for end in ends]
        for low, high in zip(cuts[::2], cuts[1::2], strict=True):
            if low is None or high is None or low >= high:
                return None
            found.append((low, high))
    return _joined(found)


def _cut(text: str, after: bool) -> _Cut | None:
    if text in _INFINITE:
        if after != (text == "-oo"):
            return None  # [-oo, 0] holds what is no number
        return _Cut(context().mpf(_INFINITE[text]), after, text)
    try:
        tree = parse(text)
        value = None if variables(tree) else evaluate(tree, {})
    except (Unreadable, Undefined):
        return None
    return _Cut(inexact(value), after, text) if value is not None and is_real(value) else None


def _joined(spans: Iterable[tuple[_Cut, _Cut]]) -> _Spans:
    """The spans in rising order, those that overlap or meet as one."""
    found: _Spans = []
    for low, high in sorted(spans):
        if found and low <= found[-1][1]:
            found[-1] = (found[-1][0], max(high, found[-1][1]))
        else:
            found.append((low, high))
    return found


def _complement(spans: _Spans) -> _Spans:
    inf = context().inf
    cuts = [_Cut(-inf, True, "-oo"), *chain(*spans), _Cut(inf, False, "oo")]
    return [(low, high) for low, high in zip(cuts[::2], cuts[1::2], strict=True) if low < high]


def _shown(spans: _Spans) -> str:
    if not spans:
        return NONE
    if all(low.number == high.number for low, high in spans):
        return several([low.text for low, _ in spans]).text
    return " U ".join(
        low.text if low.number == high.number else f"{'[('[low.after]}{low.text}, {high.text}{')]'[high.after]}"
        for low, high in spans
    )
