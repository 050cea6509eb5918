"""What a thought has stated so far: the last result that stands in its own text, at every tenth of it."""

from __future__ import annotations

import re
from functools import lru_cache

from tts_bench.tasks.answers.classes import classify
from tts_bench.tasks.boxed import box
from tts_bench.tasks.tail import last_number

TENTHS = 10
_END = 2000  # characters in which a formula is looked for; where there is none, the one before still counts
_BOX = re.compile(r"\\f?box")


@lru_cache(maxsize=512)  # strategies that read one pool have the same texts, one problem after the other
def stated(thinking: str) -> tuple[str | None, ...]:
    """For each tenth of the text's characters, the class of the last result up to there; None where there is none.

    A result is the content of the last box or, where there is none yet, the last formula that holds a number, as for a
    response (`tts_bench.tasks.scoring`). A tenth ends before the word that it would cut in two.
    """
    found: list[str | None] = []
    for tenth in range(1, TENTHS + 1):
        part = _whole_words(thinking, len(thinking) * tenth // TENTHS)
        said = (box(part) if _BOX.search(part) else None) or last_number(part[-_END:])
        found.append((classify(said) or None) if said else found[-1] if found else None)
    return tuple(found)


def _whole_words(text: str, end: int) -> str:
    """The text up to `end`, without a word that goes on after it."""
    part = text[:end]
    if not part or part[-1].isspace() or end == len(text) or text[end].isspace():
        return part
    return part[: -len(part.rsplit(None, 1)[-1])]
