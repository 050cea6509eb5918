"""Where the answer stands in a response: the last box, the last number, the last expression. Linear in the text."""

from __future__ import annotations

import re

_TOKEN = re.compile(
    r"(?<!\\)\\+(?:boxed|fbox)(?![A-Za-z])\s*"
    r"(?:(?P<open>\{)|(?P<bare>[-+]?[\d.,]*\d|\\[dt]?frac(?:\{[^{}]*\}){2}|[A-Za-z](?=\$)))?"
    r"|\\.|[{}]|(?P<thought></[\w:]*think>|\[/THINK\])",
    re.DOTALL,
)
_BLANK = re.compile(r"(?:[{}]|\\[,;:! ]|\\q?quad|~|\$|\.|\\text\{\s*\}|\s)*")
_BESIDE = re.compile(  # what may stand between the boxes of one answer
    r"(?:\s|\\[,;:! ()\[\]]|\$|~|\*|,|;|\\q?quad|\\text\{\s*,?\s*(?:and|or)\s*,?\s*\}|\b(?:and|or)\b|\\&|&)*"
)
_PARTS = 20  # boxes that are read together
_OPEN_BOX = re.compile(r"\\(?:boxed|fbox)\s*\{")
_TAIL = 1000  # characters in which a last number or expression is looked for: keeps hostile text cheap

_WORD_SCALE = r"(?:\s(?:hundred|thousand|million|billion|trillion|dozen)\b)?"
_INTEGER = r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d{1,3}(?:\{,\}\d{3})+(?!\d)|\d+)"
_DECIMAL = rf"(?:{_INTEGER}(?:\.\d+)?|\.\d+)"
_MONEY = r"(?:\\?\$|[\u20ac\u00a3\u00a5\u20b9])?"
_SIGN = r"(?:(?<![\w)}\u00b2\u00b3])[-\u2212\u2013])?"
_NUMBER = re.compile(
    rf"{_SIGN}{_MONEY}{_SIGN}(?:\\[dt]?frac\s?\{{\s?-?\d+\s?\}}\{{\s?\d+\s?\}}|\\[dt]?frac\s?\d\d"
    rf"|\d+ \d+/\d+|{_DECIMAL}\s?/\s?{_DECIMAL}(?![\w/])|{_DECIMAL}){_WORD_SCALE}(?:\s?\\?%)?",
    re.IGNORECASE,
)
_PART_OF_SUM = re.compile(
    r"(?:[A-Za-z)]\s?[-+*/]|\d:|[A-Za-z]\^?\d?\s?[-+]\s?)$"
)  # what a number of 3x+2 or 12:30 follows
_LEFT = re.compile(r"(?:(?<![A-Za-z])[A-Za-z]{1,2}(?![A-Za-z]{2})|[\d^+\-*/():{}]|(?<=[-+*/]) | (?=[-+*/]))*$")
_RIGHT = re.compile(r"(?:[A-Za-z](?![A-Za-z]{2})|[\d^+\-*/():{}]|(?<=[-+*/]) | (?=[-+*/]))*")
_GOES_ON = re.compile(r":\d|\s?[-+*/^]\s?[A-Za-z(](?![a-z]{2})")
_MATH = re.compile(r"\$\$(.+?)\$\$|\$([^$]+)\$|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)
_EQUALS = re.compile(r"(?<![<>!\\])=|\\approx")
_NUMERIC = re.compile(r"-?\\?\$?\d[\d.,]*")
_PAIR = re.compile(r"[(\[]\s*[-+\w.\\/{}^ ]{1,40}(?:,\s*[-+\w.\\/{}^ ]{1,40}){1,5}[)\]]")
_ROOTED = re.compile(r"-?\d*\s?\\sqrt(?:\[\d+\])?\{[^{}]{1,40}\}(?:\s?/\s?\d+)?|-?\d*\u221a\(?\d+\)?")


def box(text: str) -> str | None:
    r"""Content of the last closed `\boxed{...}` or `\fbox{...}` that is not empty, the outermost of nested boxes.

    Boxes side by side, with nothing but a comma or an `and` between them, hold the parts of one answer and come as a
    list. An empty box after a full one is an echo of the instruction. A box without braces holds one number, fraction
    or letter. None where there is no box, or empty ones alone.
    """
    found: list[tuple[int, int, str]] = []  # beginning, end and content of each box that is no part of another
    opened: list[tuple[int, int] | None] = []  # open braces: beginning of a box and of its content, None for others
    for token in _TOKEN.finditer(text):
        if token["thought"]:  # a box that was left open while thinking holds nothing of the answer
            opened.clear()
        elif token["open"]:
            opened.append((token.start(), token.end()))
        elif token["bare"]:
            found.append((token.start(), token.end(), token["bare"]))
        elif token.group() == "{":
            opened.append(None)
        elif token.group() == "}" and opened and (start := opened.pop()) is not None:
            while found and found[-1][0] > start[0]:
                found.pop()
            found.append((start[0], token.end(), text[start[1] : token.start()]))
    full = [each for each in found if not _BLANK.fullmatch(each[2])]
    if not full:
        return None
    place = len(full) - 1
    whole = full[place][2].strip()
    while place and len(full) - place < _PARTS and _joins(between := text[full[place - 1][1] : full[place][0]]):
        place -= 1
        whole = f"{full[place][2].strip()}{' or ' if 'or' in between else ', '}{whole}"
    return whole


def _joins(between: str) -> bool:
    """Boxes on lines of their own are answers one after the other; on one line, parts of one."""
    return len(between) < 60 and "\n" not in between and _BESIDE.fullmatch(between) is not None


def last_number(text: str) -> str | None:
    """The last number of the text's end, as it is written: a fraction whole, with its sign and its `million`."""
    tail = _tail(text)
    for match in reversed(list(_NUMBER.finditer(tail))):
        if _is_in_formula(tail, match):
            return None
        if not _is_part(tail, match):
            return match.group()
    return None


def _tail(text: str) -> str:
    """The end of the text. Closing words that hold no digit do not count, or a long farewell would hide the answer."""
    ends = [match.end() for match in re.finditer(r"\d|\$", text)]
    end = min(len(text), (ends[-1] if ends else len(text)) + 200)
    return _OPEN_BOX.sub(" ", text[max(0, end - _TAIL) : end])


def _is_part(text: str, match: re.Match[str]) -> bool:
    """Whether a number is the power of something, an index, or the letters' own: `x^2`, `km^2`, `H2`."""
    before = text[max(0, match.start() - 2) : match.start()]
    return before.endswith(("^", "_", "^{", "_{")) or (before[-1:].isalpha() and before[-1:].isascii())


def _is_in_formula(text: str, match: re.Match[str]) -> bool:
    """Whether a number is a term of a sum, or a side of a ratio: its value is not the answer."""
    return bool(
        _PART_OF_SUM.search(text[max(0, match.start() - 10) : match.start()]) or _GOES_ON.match(text, match.end())
    )


def _around(text: str, match: re.Match[str]) -> str:
    """The formula in plain text that a number is in: `3x + 2`."""
    before, after = _LEFT.search(text[max(0, match.start() - 60) : match.start()]), _RIGHT.match(text, match.end())
    return f"{before[0] if before else ''}{match.group()}{after[0] if after else ''}"


def last_expressions(text: str) -> list[str]:
    """The last formula of the text's end, whole and what stands after its last equals sign, or else the last number."""
    tail = _tail(text)
    formulas = [(match.end(), next(group for group in match.groups() if group)) for match in _MATH.finditer(tail)]
    numbers = [(match.end(), match.group()) for pattern in (_PAIR, _ROOTED) for match in pattern.finditer(tail)]
    for match in _NUMBER.finditer(tail):
        if _is_in_formula(tail, match):
            numbers.append((match.end(), _around(tail, match)))
        elif not _is_part(tail, match):
            numbers.append((match.end(), match.group()))
    if not formulas and not numbers:
        return []
    _, last = max(formulas[-1:] + numbers, key=lambda found: (found[0], len(found[1])))
    after = _EQUALS.split(last)[-1]
    return [last] if after == last else [last, after]
