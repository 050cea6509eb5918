"""Where the answer stands in a response: in its last box. Linear in the text."""

from __future__ import annotations

import re

_TOKEN = re.compile(
    r"(?<!\\)\\+(?:boxed|fbox)(?![A-Za-z])\s*"
    r"(?:(?P<open>\{)|(?P<bare>[-+]?[\d.,]*\d|\\[dt]?frac(?:\{[^{}]*\}){2}|[A-Za-z](?=\$)))?"
    r"|\\.|[{}]",
    re.DOTALL,
)
_THINKING = re.compile(  # the tags that a scorer meets as text
    r"[<\u25c1]/?(?:[\w:]*think(?:ing)?|thought)[>\u25b7]|\[/?THINK\]|<\|(?:START|END)_THINKING\|>"
)
_BLANK = re.compile(r"(?:[{}]|\\[,;:! ]|\\q?quad|~|\$|\.|\\text\{\s*\}|\s)*")
_BESIDE = re.compile(  # what may stand between the boxes of one answer
    r"(?:\s|\\[,;:! ()\[\]]|\$|~|\*|,|;|\\q?quad|\\text\{\s*,?\s*(?:and|or)\s*,?\s*\}|\b(?:and|or)\b|\\&|&)*"
)
_MINUS = re.compile(r"(?:=\s*|\(\s*|\\\[\s*|(?:^|[\s(])\$\$?\s*)[-\u2212]\s*$")  # a sign: it begins a formula
_BEFORE = 20  # characters before a box in which its sign is looked for
_PARTS = 20  # boxes that are read together


def box(text: str) -> str | None:
    r"""Content of the last closed `\boxed{...}` or `\fbox{...}` that is not empty, the outermost of nested boxes.

    Boxes side by side, with nothing but a comma or an `and` between them, hold the parts of one answer and come as a
    list; equal ones count once. A minus that begins a formula right before a box belongs to it. An empty box after a
    full one is an echo of the instruction. A box without braces holds one number, fraction or letter. A box in a block
    of thinking counts where the answer has none. None where there is no box, or empty ones alone.
    """
    return next(filter(None, map(_last_box, parted(text))), None)


def parted(text: str) -> tuple[str, str]:
    """The answer and the thinking, wherever it is opened again; what stands before the first end of it is thinking."""
    answer: list[str] = []
    thinking: list[str] = []
    start, opened = 0, False
    for mark in _THINKING.finditer(text):
        ends = "/" in mark[0] or "END_" in mark[0]
        (thinking if opened or (ends and not start) else answer).append(text[start : mark.start()])
        start, opened = mark.end(), not ends
    (thinking if opened else answer).append(text[start:])
    return "\n".join(answer), "\n".join(thinking)


def _last_box(text: str) -> str | None:
    found: list[tuple[int, int, str]] = []  # beginning, end and content of each box that is no part of another
    opened: list[tuple[int, int] | None] = []  # open braces: beginning of a box and of its content, None for others
    for token in _TOKEN.finditer(text):
        if token["open"]:
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
    parts = [_signed(text, full[place])]
    whole = parts[0]
    while place and len(full) - place < _PARTS and _joins(between := text[full[place - 1][1] : full[place][0]]):
        place -= 1
        part = _signed(text, full[place])
        if part not in parts:
            parts.append(part)
            whole = f"{part}{' or ' if 'or' in between else ', '}{whole}"
    return whole


def _signed(text: str, found: tuple[int, int, str]) -> str:
    """The content of a box, with the sign that stands before the box."""
    content = found[2].strip()
    if not _MINUS.search(text, max(0, found[0] - _BEFORE), found[0]) or re.search(r"[,;=<>]", content):
        return content
    return f"-({content})" if re.search(r"[-+\u2212]", content) else f"-{content}"


def _joins(between: str) -> bool:
    """Boxes on lines of their own are answers one after the other; on one line, parts of one."""
    return len(between) < 60 and "\n" not in between and _BESIDE.fullmatch(between) is not None
