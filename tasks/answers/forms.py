"""What an answer says, as the texts of its classes: one thing, or several in any order."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal


@dataclass(frozen=True, slots=True)
class Form:
    """What an answer says: one thing, or several in any order."""

    kind: Literal["one", "several"]
    parts: tuple[str, ...]

    @property
    def text(self) -> str:
        return ", ".join(sorted(self.parts, key=_order)) if self.kind == "several" else self.parts[0]


def _order(part: str) -> tuple[int, Fraction, str]:
    """Numbers by size, then everything else by spelling."""
    try:
        return 0, Fraction(part), part
    except (ValueError, ZeroDivisionError):
        return 1, Fraction(0), part


def one(text: str) -> Form:
    return Form("one", (text,))


def several(parts: list[str]) -> Form:
    return Form("several", tuple(parts)) if len(parts) > 1 else one(parts[0])
