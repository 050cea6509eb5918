"""Where the thinking of a recorded output ends, and how its model's outputs are told apart from others."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from tts_bench.errors import UserError
from tts_bench.pools.entry import Entry, Output
from tts_bench.thinking import FAMILIES, PRESETS, ThinkingFormat

LOOKED_AT = 1000  # entries from which the delimiter is told
_TAGS = PRESETS["think-tags"]


class Parts(NamedTuple):
    """An output in two: what was thought, its end delimiter with it, and what was answered."""

    thinking: str
    answer: str
    ended: bool  # whether the thinking came to its end


@dataclass(frozen=True)
class Reading:
    """How the outputs of a pool are read."""

    form: ThinkingFormat | None  # whose end of thinking they hold; None: all of an output is thinking, and is scored
    apart: bool = False  # files keep thinking apart: an output without any is an answer

    def split(self, output: Output, where: str) -> Parts:
        """The parts of `output`.

        Raises:
            UserError: it holds an end of thinking, or its file keeps thinking apart, and the first outputs did not.
        """
        if output.thinking is not None:
            if self.form is None:
                raise _unlike(where, "has its thinking apart")
            return Parts(output.thinking, output.text, not output.cut or bool(output.text))
        if self.form is None:
            if _TAGS.end in output.text:
                raise _unlike(where, f"holds {_TAGS.end}")
            return Parts(output.text, "", not output.cut)
        before, end, after = output.text.partition(self.form.end)
        if not end and (self.apart or output.cut is False):
            return Parts("", output.text, True)
        return Parts(before + end, after.removeprefix(self.form.markup), bool(end))


def told(entries: Iterable[Entry]) -> Reading:
    """How to read a pool that begins with `entries`."""
    outputs = [output for entry in entries for output in entry.outputs]
    plain = [family.form for family in FAMILIES if not (family.shared or family.asked or family.says)]
    ends = {form.end: form for form in reversed(plain)}
    form = next((form for end, form in ends.items() if any(end in output.text for output in outputs)), None)
    apart = any(output.thinking is not None for output in outputs)
    return Reading(form or (_TAGS if apart else None), apart)


def _unlike(where: str, what: str) -> UserError:
    return UserError(
        f"{where}: an output {what}, and none of the first {LOOKED_AT:,} does. Type --thinking think-tags."
    )
