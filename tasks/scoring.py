"""Is this response right? And, without the gold answer: which answer does it vote for?

A response is strictly right when its last box holds the gold answer. What the vote calls equal is what the score
calls equal: both ask for the class of an answer (`answers.classes`). Nothing here raises, whatever the text, and
nothing runs for long: no answer is worked out beyond fixed bounds.
"""

from __future__ import annotations

import re
from typing import Literal

from .answers.classes import classify
from .boxed import box, last_expressions, last_number

Kind = Literal["number", "expression"]  # what the lenient metric falls back on

_BASE = re.compile(r"[0-9A-Za-z]+\s*_\s*\{?\s*(\d+)\s*\}?\s*[.$]*")


def extract(text: str) -> str | None:
    """The class of the answer in the last box, for votes; None where there is none."""
    content = box(text)
    return (classify(content) or None) if content is not None else None


def strict(gold: str, text: str) -> bool:
    """Whether the last box of `text` holds the answer `gold`."""
    content = box(text)
    return content is not None and same(gold, content)


def lenient(gold: str, text: str, kind: Kind) -> bool:
    """Whether `text` is strictly right or, where it has no boxed answer, ends in the right number or expression."""
    content = box(text)
    if content is not None:
        return same(gold, content)
    if kind == "number":
        last = last_number(text)
        return last is not None and same(gold, last)
    return any(same(gold, last) for last in last_expressions(text))


def same(gold: str, answer: str) -> bool:
    """Whether two answers, as they stand in their boxes, are equal.

    A numeral's base is told by the problem: 52_8 is written as 52 too, and only two bases that differ are told apart.
    """
    right = classify(answer)
    if not right or classify(gold) != right:
        return False
    bases = _BASE.fullmatch(gold.strip(" $")), _BASE.fullmatch(answer.strip(" $"))
    return not (bases[0] and bases[1] and bases[0][1] != bases[1][1])
