"""Is this response right? And, without the gold answer: which answer does it vote for?

A response is strictly right when its last box holds the gold answer. Equal spelling decides first, then numbers as
numbers, then math-verify. Nothing here raises, whatever the text.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

from . import symbolic
from .boxed import box, last_expressions, last_number
from .normal import LIMIT, clean, number, tight, without_unknown, words

Kind = Literal["number", "expression"]  # what the lenient metric falls back on

_OPEN = {"(": ")", "[": "]", "{": "}"}


def extract(text: str) -> str | None:
    """The answer in the last box in canonical form, for votes; None where there is none."""
    content = box(text)
    return _canonical(content) if content is not None else None


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


@lru_cache(maxsize=2**14)
def same(gold: str, answer: str) -> bool:
    """Whether two answers, as they stand in their boxes, are equal."""
    if max(len(gold), len(answer)) > LIMIT:
        return gold.strip() == answer.strip()
    left, right = clean(gold), clean(answer)
    if not right:
        return False
    if tight(left) == tight(right):
        return True
    numbers = number(without_unknown(left)), number(without_unknown(right))
    if numbers[0] and numbers[1]:
        return numbers[0].same(numbers[1])
    if words(left) or words(right):
        return words(left) == words(right)
    if _form(without_unknown(left)) == _form(without_unknown(right)):
        return True
    return symbolic.equal(left, right)


@lru_cache(maxsize=2**14)
def _canonical(content: str) -> str | None:
    if len(content) > LIMIT:
        return content
    cleaned = without_unknown(clean(content))
    return _form(cleaned) if cleaned else None


def _form(cleaned: str) -> str:
    r"""Canonical form of a cleaned answer: items of lists and sets in order of their form, tuples as they stand."""
    value = number(cleaned)
    if value:
        return str(value)
    plain = words(cleaned)
    if plain:
        return plain
    if "\\cup" in cleaned:
        return " U ".join(sorted(_form(part.strip()) for part in cleaned.split("\\cup")))
    body = cleaned.replace("\\{", "{").replace("\\}", "}")
    bracketed = len(body) > 1 and body[-1] in ")]}" and body[0] in _OPEN and _closes_last(body)
    items = _split(body[1:-1] if bracketed else body)
    if body.count("\\pm") == 1 and len(items) == 1:
        items = [body.replace("\\pm", sign) for sign in "+-"]
    if len(items) > 1:
        forms = [_form(item) for item in items]
        if bracketed and body[0] != "{":
            return body[0] + ",".join(forms) + body[-1]
        return "{" + ",".join(sorted(set(forms))) + "}"
    return symbolic.canonical(cleaned) or tight(cleaned)


def _closes_last(body: str) -> bool:
    """Whether the first bracket is closed by the last one."""
    depth = 0
    for place, character in enumerate(body):
        depth += (character in "([{") - (character in ")]}")
        if depth == 0:
            return place == len(body) - 1
    return False


def _split(body: str) -> list[str]:
    """Items between the commas that stand outside all brackets."""
    items, depth, start = [], 0, 0
    for place, character in enumerate(body):
        depth += (character in "([{") - (character in ")]}")
        if character == "," and depth == 0:
            items.append(body[start:place].strip())
            start = place + 1
    return [*items, body[start:].strip()]
