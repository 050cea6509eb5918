"""How candidates are shown to a judge, and how its choice is read."""

from __future__ import annotations

import re
from collections.abc import Sequence

_CHOICE = re.compile(r"choice\W*(?:is\W*)?(?:(?:candidate|number|no)\W*){0,2}(\d{1,9})", re.IGNORECASE)


def shown(texts: Sequence[str]) -> str:
    """All texts, numbered from 1."""
    return "\n\n".join(f"Candidate {number}:\n{text.strip()}" for number, text in enumerate(texts, 1))


def choice(reply: str, count: int) -> int | None:
    """Index of the candidate that the last "Choice: NUMBER" of a reply names; None if it names none of `count`.

    Between the two, the reply may call it "Candidate", as `shown` does, or "number".
    """
    named = _CHOICE.findall(reply)
    index = int(named[-1]) - 1 if named else -1
    return index if 0 <= index < count else None
