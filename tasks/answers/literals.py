"""The values of numbers as they are written out: decimals, powers of ten, repeating decimals."""

from __future__ import annotations

import re
from fractions import Fraction

_EXPONENT_DIGITS = 3
_GROUPED = re.compile(r"(?<![\d.,_^])[1-9]\d{0,2}(?:,\d{3})+(?!\d|,\d)")
_ONE_GROUPED = re.compile(r"\(\s*([1-9]\d{0,2}(?:,000)+)\s*\)")  # (1,000) is no point of the plane
_DEEPER, _HIGHER = re.compile(r"[(\[]|\\(?:lbrace|langle)"), re.compile(r"[)\]]|\\(?:rbrace|rangle)")


def too_large(literal: str) -> bool:
    """Whether a number in scientific notation has an exponent of a thousand or more."""
    exponent = literal.casefold().partition("e")[2].lstrip("+-")
    return len(exponent) > _EXPONENT_DIGITS


def exact(literal: str) -> Fraction:
    """The value of a decimal; one long enough to have been a fraction, 0.333333 or 7.999999999999998, is that fraction.

    Six decimals, and two periods, tell the repeating decimal of a small fraction from chance, and twelve decimals a
    rounding of the machine. Each literal has one value whatever it is compared with, so that equality stays transitive.
    """
    value = Fraction(literal)
    decimals = len(re.sub(r"[eE].*", "", literal).partition(".")[2])
    if decimals < 6 or not value:
        return value
    nearest = value.limit_denominator(100 if decimals < 9 else 1000)
    off = abs(nearest - value)
    period = _period(nearest.denominator)
    near = decimals >= 12 and off <= abs(value) / 10**12 if not period else off <= Fraction(1, 10**decimals)
    if decimals < 2 * period:
        return value
    return nearest if nearest and near and off <= abs(value) / 10**5 else value


def ungrouped(text: str, *, spaced: bool = False) -> str:
    """Without the commas of thousands, `1,000`; in brackets they part numbers, unless other commas are `spaced`."""
    text = _ONE_GROUPED.sub(lambda match: f"({match[1].replace(',', '')})", text)

    def joined(match: re.Match[str]) -> str:
        before = text[: match.start()]
        inside = len(_DEEPER.findall(before)) != len(_HIGHER.findall(before))
        return match[0] if inside and not spaced else match[0].replace(",", "")

    return _GROUPED.sub(joined, text)


def _period(denominator: int) -> int:
    """How many decimals of a fraction repeat; 0 where it ends."""
    for factor in (2, 5):
        while denominator % factor == 0:
            denominator //= factor
    if denominator == 1:
        return 0
    return next(n for n in range(1, denominator + 1) if pow(10, n, denominator) == 1)


def repeating(head: str, again: str) -> Fraction:
    """The value of a decimal whose last digits go on for ever: `0.1` and `6` for 1/6."""
    whole, _, part = head.partition(".")
    return Fraction(int(whole or 0)) + (
        Fraction(int((part or "") + again) - int(part or 0), 10 ** len(part) * (10 ** len(again) - 1))
    )
