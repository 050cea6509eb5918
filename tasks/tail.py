"""What a response without a box ends in: its last number or formula, read whole. Linear in the text."""

from __future__ import annotations

import re

from tts_bench.tasks.answers.units import HAN, HAN_NUMBERS

_TAIL = 1000  # characters in which the end is looked for: keeps hostile text cheap
_FAREWELL = 200  # characters that may stand after the last formula: a long farewell must not hide the answer

_INTEGER = (
    r"(?:\d{1,3}(?:(?:,|\{,\}|\\,)\d{3})+(?!\d)|(?<![\d.,])[1-9]\d{0,2}(?:[ \u00a0\u2009\u202f]\d{3})+(?!\d)|\d+)"
)
_DECIMAL = rf"(?:{_INTEGER}(?:\.\d+(?:\.\.\.|\u2026)?)?|\.\d+)"
_SCALE = r"(?:\s(?:hundred|thousand|million|billion|trillion|dozen)\b)?"
_MONEY = r"(?:\\?\$|[\u20ac\u00a3\u00a5\u20b9])?"
_NUMBER = rf"{_MONEY}(?:\d+[ ]\d+/\d+|{_DECIMAL}(?::\d+)*){_SCALE}(?:\s?\\?%)?"
_GROUP = r"\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\}"
_LAYOUT = r"(?:framebox|text|m?box|math|begin|end|left|right|q?quad|item)"
_COMMAND = (
    rf"\\(?!{_LAYOUT})[A-Za-z]+(?:\[\d+\])?(?:_\w|_{_GROUP})?(?:\s?{_GROUP})*(?<!\\times)(?<!\\cdot)"
    r"|\\[dt]?frac\s?\d\d"
)
_NAMED = (  # of an argument without brackets the name alone: a number follows
    r"(?<![A-Za-z])(?:(?:arc)?(?:sin|cos|tan)h?|cot|csc|sqrt|ln|log|exp)(?:\([^()]{1,40}\)|(?:_\d+)? ?(?=\d))"
    r"|(?<![A-Za-z])(?:pi(?![A-Za-z])|roots? of (?=\d))"
)
_LETTER = r"(?<![A-Za-z\\])[A-Za-z](?![A-Za-z])"
_SYMBOL = (
    r"(?:[\u221a-\u221c] (?=\d)|[\u00bc-\u00be\u2150-\u215e\u03c0\u221a-\u221c\u221e\u00b2\u00b3\u00b9\u2070-\u2079])"
)
_BRACKETS = r"[(\[](?=[^()\[\]]*\d|[a-z][)\]])(?:(?![A-Za-z]{3})[^()\[\]\n]){1,60}[)\]]"
_ATOM = rf"(?:{_NUMBER}|{_COMMAND}|{_NAMED}|{_BRACKETS}|{_LETTER}|{_SYMBOL}|(?<=[\^_]){_GROUP})"
_SIGN = r"[-+\u2212\u2013\u00b1]"
_OPERATOR = (
    rf"(?:\s?(?:{_SIGN}|\*\*?|/|\^|_|=|[<>\u2264\u2265\u00d7\u00b7\u2248\u00f7\u2044\u2215]"
    r"|\\(?:times|cdot|div|pm|le|ge|leq|geq)(?![A-Za-z])|(?<=\d )x(?= \d))\s?)"
)
_FIRST = rf"(?:(?:(?<=\bis )|(?<=\bequals ))[-\u2212] |{_SIGN})"  # elsewhere a minus apart begins an item of a list
_LATER = rf"(?:(?:(?<==)|(?<== ))[-\u2212] |{_SIGN})"
_FORMULA = re.compile(
    rf"(?:(?<![\w^_\\.])|(?<=[{HAN}]))(?<!\^\{{)(?<!_\{{){_FIRST}?(?:{_ATOM})(?:{_OPERATOR}?{_LATER}?{_ATOM})*"
    rf"(?:\s?[{HAN_NUMBERS}])?",
    re.IGNORECASE,
)
_MEANS = re.compile(r"\d|\\[A-Za-z]|[\u03c0\u221a\u221e\u00bc-\u00be]|(?<![A-Za-z])pi(?![A-Za-z])")
_UNIT = re.compile(r"(?<=\d)(?:[msghLWVCF]|deg)$")  # a unit of one letter, right after a number
_RANGE = re.compile(r"(?P<low>\d+)(?P<sign>\s?[-\u2013]\s?)(?P<high>\d+)")
_EQUATION = re.compile(r"\(([^(),;]*=[^(),;]*)\)")  # in brackets: a reason
_MATH = re.compile(r"\$\$(.+?)\$\$|\$([^$]+)\$|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)
_EQUALS = re.compile(r"(?<![<>!\\])=|\\approx|\u2248")
_METRES = re.compile(r"(?<=\d) (?:[A-Z]/|kg/)?m(?:/s)?\s?\^\s?(?:\{[23]\}|[23])(?![\w^{])")  # of 9.8 m/s^2
_OPEN_BOX = re.compile(r"\\+(?:boxed|fbox)\s*\{")


def last_number(text: str) -> str | None:
    """The last formula of the text's end that holds a number, without what it is the value of: `3 + 4 = 7` ends in 7.

    A fraction, a power or a sum comes whole: the last digits of `3/4` and `3x + 2` are other numbers.
    """
    found = _formulas(_tail(text))
    if not found:
        return None
    return _last_of(found[-1][1])


def last_expressions(text: str) -> list[str]:
    """The last formula of the text's end, marked as one or not, whole and after its last equals sign."""
    tail = _tail(text)
    marked = [(match.end(), next(group for group in match.groups() if group)) for match in _MATH.finditer(tail)]
    found = _formulas(tail)
    if not marked and not found:
        return []
    _, last = max(marked[-1:] + found[-1:], key=lambda each: (each[0], len(each[1])))
    after = _last_of(last)
    return [last] if after == last else [last, after]


def _last_of(formula: str) -> str:
    """What a formula is worth: its last side, the end of a range such as 3-18, a number without a unit of one letter.

    12 - 5 is a difference.
    """
    reason = _EQUATION.fullmatch(formula)
    last = _EQUALS.split(reason[1] if reason else formula)[-1].strip()
    span = _RANGE.fullmatch(last)
    if span and (len(span["sign"]) == 1 or int(span["low"]) < int(span["high"])):
        last = span["high"]
    return _UNIT.sub("", last)


def _formulas(tail: str) -> list[tuple[int, str]]:
    """End and text of what reads as a formula and says a number."""
    return [(match.end(), match[0].strip()) for match in _FORMULA.finditer(tail) if _MEANS.search(match[0])]


def _tail(text: str) -> str:
    """The end of the text, up to a while after the last thing that a formula could hold, without powers of metres."""
    ends = [match.end() for match in re.finditer(r"[\d$\u03c0\u221a\u221e\u00bc-\u00be]", text)]
    end = min(len(text), (ends[-1] if ends else len(text)) + _FAREWELL)
    return _METRES.sub("", _OPEN_BOX.sub(" ", text[max(0, end - _TAIL) : end]))
