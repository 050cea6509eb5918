"""Is this response right? And, without the gold answer: which answer does it vote for?

A response is strictly right when its last box holds the gold answer. What the vote calls equal is what the score
calls equal: both ask for the class of an answer (`answers.classes`). Nothing here raises, whatever the text, and
nothing runs for long: no answer is worked out beyond fixed bounds.
"""

from __future__ import annotations

import re
from typing import Literal

from tts_bench.tasks.answers.classes import classify
from tts_bench.tasks.boxed import box, parted
from tts_bench.tasks.tail import last_expressions, last_number

Kind = Literal["number", "expression"]  # what the lenient metric falls back on

_BASED = re.compile(r"(?P<digits>-?[0-9A-F.]*\d[0-9A-F.]*)(?:_(?P<base>\d+))?")


def extract(text: str) -> str | None:
    """The class of the answer in the last box, for votes; None where there is none."""
    content = box(text)
    return (classify(content) or None) if content is not None else None


def strict(gold: str, text: str) -> bool:
    """Whether the last box of `text` holds the answer `gold`."""
    content = box(text)
    return content is not None and _right(gold, content)


def lenient(gold: str, text: str, kind: Kind) -> bool:
    """Whether `text` is strictly right or, where it has no boxed answer, ends in the right number or expression."""
    content = box(text)
    if content is not None:
        return _right(gold, content)
    parts = parted(text)
    if kind == "number":
        last = next(filter(None, map(last_number, parts)), None)
        return last is not None and _right(gold, last)
    return any(_right(gold, last) for last in next(filter(None, map(last_expressions, parts)), []))


def same(gold: str, answer: str) -> bool:
    """Whether two answers, as they stand in their boxes, are equal: whether they have one class."""
    found = classify(answer)
    return bool(found) and classify(gold) == found


def _right(gold: str, answer: str) -> bool:
    """As `same`, but a base that one of the two leaves out is told by the problem: 52_8 is answered by 52 too."""
    if same(gold, answer):
        return True
    left, right = _BASED.fullmatch(classify(gold)), _BASED.fullmatch(classify(answer))
    if not left or not right or (left["base"] and right["base"]):
        return False
    return left["digits"] == right["digits"]
