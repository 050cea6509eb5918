"""Answers as strings: one spelling for what is written in many ways. No algebra here, and no gold answer."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

LIMIT = 300  # characters; the longest gold answer of the shipped tasks has 53. Longer ones are compared as they stand

_CHARACTERS = str.maketrans(
    {
        "\N{MINUS SIGN}": "-",
        "\N{EN DASH}": "-",
        "\N{FRACTION SLASH}": "/",
        "\N{MULTIPLICATION SIGN}": r"\times ",
        "\N{DEGREE SIGN}": r"^\circ",
        "\N{GREEK SMALL LETTER PI}": r"\pi ",
        "\N{INFINITY}": r"\infty ",
        "\N{SQUARE ROOT}": r"\sqrt",
    }
)
_SPACES = re.compile(r"(?P<keep>\\\\)|\\[,;:> ]|\\q?quad(?![A-Za-z])|~|\s")
_NOTHING = re.compile(
    r"\\!\s*|(?<!\\)\\\$|\$|\\(?:boxed|fbox|displaystyle|textstyle|left|right|[bB]igg?[lr]?|mathrm\{\\,\})(?![A-Za-z])"
    r"|\\[()](?!\\)|\^\s*\{?\s*\\?(?:circ|degrees?)\s*\}?(?![A-Za-z])|\\degrees?(?![A-Za-z])"
)
_TEXT = re.compile(r"\\(?:text(?:bf|it|rm|normal)?|mbox|hbox|math(?:rm|bf|it)|operatorname)\s*\{([^{}]*)\}")
_UNIT = re.compile(r"(?<=[\w)}\]])\s*\\(?:text(?:bf|it|rm|normal)?|mbox|hbox|mathrm)\s*\{([^{}]*)\}(?:\^\s*\{?\d\}?)?$")
_WORDS = re.compile(r"(?P<head>.*[\d})%])\s+(?P<unit>[A-Za-z]{2,}(?: [A-Za-z]+)*)\.?(?:\^\{?[23]\}?)?$", re.DOTALL)
_PART_OF_ANSWER = re.compile(  # words after a number that are no unit
    r"\b(?:and|or|to|base|mod|thousand|million|billion|trillion|dozen|half|pi|sqrt|sin|cos|tan|cot|sec|csc|log|ln|exp)\b"
)
_UNKNOWN = re.compile(
    r"^\s*(?:[A-Za-z](?:_\{?\w\}?)?(?:\([A-Za-z]\))?\s*(?:=|\\approx|\\in(?![A-Za-z]))|=|\\approx)\s*"
)
_TIGHT = re.compile(r"(?<![A-Za-z0-9]) | (?![A-Za-z0-9])")
_SPELLINGS = (
    (re.compile(r"\\(?:%|percent(?![A-Za-z]))|\bper\s?cent\b"), "%"),
    (re.compile(r"\\[dtc]frac(?![A-Za-z])"), r"\\frac"),
    (re.compile(r"\\frac\s*([0-9A-Za-z])"), r"\\frac{\1}"),
    (re.compile(r"(\\frac\{[^{}]*\})\s*([0-9A-Za-z])"), r"\1{\2}"),
    (re.compile(r"\\sqrt\s*([0-9A-Za-z])"), r"\\sqrt{\1}"),
    (re.compile(r"([_^])\s*\{([0-9A-Za-z])\}"), r"\1\2"),
    (re.compile(r"\{,\}"), ","),
    (re.compile(r"\\(?:leq|le)(?![A-Za-z])"), r"\\le "),
    (re.compile(r"\\(?:geq|ge)(?![A-Za-z])"), r"\\ge "),
    (re.compile(r"\s*,?\s+(?:and|or)\s+"), ", "),
    (re.compile(r" +"), " "),
)

_DIGITS = r"(?:\d{1,3}(?:[, ]\d{3})+(?!\d)|\d+)"
_PLAIN = re.compile(
    rf"(?P<sign>[-+]?) ?(?P<whole>{_DIGITS})?(?P<part>\.\d*)?(?: ?(?P<percent>%)|_\{{?(?P<base>\d+)\}}?)?"
)
_RATIO = re.compile(
    r"(?P<sign>[-+]?) ?(?:(?P<whole>\d+)(?: ?(?=\\)| (?=\d+ ?/)))?"
    r"(?:\\frac\{ ?(?P<top>-?\d+) ?\}\{ ?(?P<below>\d+) ?\}|(?P<over>\d+) ?/ ?(?P<under>\d+))(?: ?(?P<percent>%))?"
)


@dataclass(frozen=True, slots=True)
class Number:
    """A number as it was written: 50% is 50 with `percent`, 52_8 is 52 with base 8."""

    value: Fraction
    percent: bool = False
    base: str = ""
    rounded: bool = False  # written with a decimal point

    def __str__(self) -> str:
        return f"{self.value}_{self.base}" if self.base else str(self.value)

    def same(self, other: Number) -> bool:
        """Equal to six decimals where one is a decimal; a base or a percent sign counts only where both have one."""
        if self.base and other.base and self.base != other.base:
            return False
        left, right = self.value, other.value
        if left == right:
            return True
        if self.percent != other.percent:
            left, right = (left / 100, right) if self.percent else (left, right / 100)
        rounded = self.rounded or other.rounded
        return round(left, 6) == round(right, 6) if rounded else left == right


def clean(answer: str) -> str:
    """The answer without layout, units, degree and currency signs, and with one spelling of each command."""
    text = _SPACES.sub(lambda match: match["keep"] or " ", answer.translate(_CHARACTERS))
    text = _NOTHING.sub("", text).strip()
    unit = _UNIT.search(text)
    if unit and "percent" in unit[1]:
        text = text[: unit.start()] + "%"
    elif unit and not _PART_OF_ANSWER.search(unit[1]):
        text = text[: unit.start()]
    text = _TEXT.sub(lambda match: match[1], text)
    for pattern, spelling in _SPELLINGS:
        text = pattern.sub(spelling, text)
    text = text.strip().rstrip(".,;").rstrip()
    words = _WORDS.fullmatch(text)
    if words and not _PART_OF_ANSWER.search(words["unit"]) and number(words["head"]):
        text = words["head"]
    return text[1:-1].strip() if text[:1] == "{" and text.find("}") == len(text) - 1 else text


def tight(cleaned: str) -> str:
    """A cleaned answer without the spaces that mean nothing."""
    return _TIGHT.sub("", cleaned)


def without_unknown(cleaned: str) -> str:
    r"""What stands after `x =` or `x \in`: the name of the unknown is not part of the answer."""
    return _UNKNOWN.sub("", cleaned, count=1)


def number(cleaned: str) -> Number | None:
    """The number that a cleaned answer is, if it is nothing but one."""
    if len(cleaned) > LIMIT:
        return None
    if match := _PLAIN.fullmatch(cleaned):
        whole, part = match["whole"] or "", match["part"] or ""
        if not whole and len(part) < 2:
            return None
        value = Fraction(re.sub("[, ]", "", whole) + part if whole else "0" + part)
        negative = match["sign"] == "-"
        return Number(-value if negative else value, bool(match["percent"]), match["base"] or "", bool(part))
    if match := _RATIO.fullmatch(cleaned):
        top, below = int(match["top"] or match["over"]), int(match["below"] or match["under"])
        if below == 0 or (match["whole"] and top < 0):
            return None
        value = int(match["whole"] or 0) + Fraction(top, below)
        return Number(-value if match["sign"] == "-" else value, bool(match["percent"]))
    return None


def words(cleaned: str) -> str | None:
    """The answer in lower case, if it is made of words, such as a name or a direction."""
    return cleaned.casefold() if re.fullmatch(r"[A-Za-z]{2,}(?:[ -][A-Za-z]+)*", cleaned) else None
