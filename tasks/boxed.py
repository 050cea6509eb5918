"""Where the answer stands in a response: the last box, the last number, the last expression. Linear in the text."""

from __future__ import annotations

import re

_TOKEN = re.compile(
    r"\\(?:boxed|fbox)(?![A-Za-z])\s*"
    r"(?:(?P<open>\{)|(?P<bare>[-+]?[\d.,]*\d|\\[dt]?frac(?:\{[^{}]*\}){2}|[A-Za-z](?=\$)))?"
    r"|\\.|[{}]",
    re.DOTALL,
)
_NUMBER = re.compile(
    r"(?:(?<![\w)}])[-+\u2212])?(?:\\?\$)?(?:(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|\.\d+)(?:\s?\\?%)?",
)
_MATH = re.compile(r"\$([^$]+)\$|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)
_EQUALS = re.compile(r"(?<![<>!\\])=|\\approx")

_TAIL = 1000  # characters in which a last number or expression is looked for: keeps hostile text cheap


def box(text: str) -> str | None:
    r"""Content of the last closed `\boxed{...}` or `\fbox{...}`, the outermost where boxes are nested.

    A box without braces holds one number, fraction or letter. None where there is no box, or an empty one.
    """
    content: str | None = None
    opened: list[int | None] = []  # open braces: where a box's content begins, None for a plain brace
    for token in _TOKEN.finditer(text):
        if token["open"]:
            opened.append(token.end())
        elif token["bare"]:
            content = token["bare"]
        elif token.group() == "{":
            opened.append(None)
        elif token.group() == "}" and opened and (start := opened.pop()) is not None:
            content = text[start : token.start()]
    return content.strip() or None if content is not None else None


def last_number(text: str) -> str | None:
    """The last number of the text's end, as it is written."""
    found = _NUMBER.findall(text[-_TAIL:])
    return found[-1] if found else None


def last_expressions(text: str) -> list[str]:
    """The last formula of the text's end, whole and what stands after its last equals sign, or else the last number."""
    tail = text[-_TAIL:]
    formulas = [(match.end(), next(group for group in match.groups() if group)) for match in _MATH.finditer(tail)]
    numbers = [(match.end(), match.group()) for match in _NUMBER.finditer(tail)]
    if not formulas and not numbers:
        return []
    _, last = max(formulas[-1:] + numbers[-1:])
    after = _EQUALS.split(last)[-1]
    return [last] if after == last else [last, after]
