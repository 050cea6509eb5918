"""What a prompt and a past turn show of a family's delimiters."""

from __future__ import annotations

import re
from typing import Literal

from tts_bench.thinking.evidence import THOUGHT, Evidence, Rendered
from tts_bench.thinking.families import Family
from tts_bench.thinking.format import ThinkingFormat

TOKEN = re.compile(r"<[^<>\s]{1,60}>|\[[^\[\]\n]{1,60}\]|◁[^◁▷\n]{1,60}▷|[^\s<\[\w]{1,4}~\[")
_OPENED = re.compile(r"<(?!no|un|\S*off)([\w:-]*(?:think|thought|reason)[\w:-]*)>\s*\Z", re.IGNORECASE)
_PAIR = re.compile(r"(<([^<>/\s]{1,40})>)\s*(</\2>)")


def stands(prompt: Rendered, family: Family) -> Literal["open", "closed", "none"]:
    """Where the end of a prompt stands: inside thinking, behind it, or neither."""
    start, end = family.opener, family.form.end.strip()
    opened = prompt.tail.rfind(start) if start else -1
    closed = prompt.tail.rfind(end) if end else -1
    if opened > closed:
        return "open"
    return "closed" if closed >= 0 and (opened >= 0 or not family.shared) else "none"


def words_past(seen: Evidence, family: Family) -> bool:
    """Whether a past turn is worded with this family's delimiters, around its thought or around nothing."""
    start, end = family.opener, family.form.end.strip()
    for turn in filter(None, (seen.past, seen.plain)):
        opened = turn.find(start)
        if start and opened >= 0 and turn.find(end, opened + len(start)) >= 0:
            return True
    return False


def answers_past(seen: Evidence, family: Family) -> bool:
    """Whether a past turn's reply is opened as this family opens its own."""
    return bool(family.form.markup) and (seen.past or seen.plain).endswith(family.form.markup)


def from_opened(prompt: Rendered) -> list[Family]:
    """A family with a tag that no row has, which the template opens at the end of the prompt."""
    tag = _OPENED.search(prompt.tail)
    return [Family(ThinkingFormat("read-from-template", tag[0], f"</{tag[1]}>", "\n\n"))] if tag else []


def from_past_turn(seen: Evidence) -> list[Family]:
    """A family with delimiters that no row has, as the template words a past turn that thought."""
    turn = seen.past or seen.plain
    before, thought, between = turn.partition(THOUGHT)
    if not thought:  # an empty block
        pair = _PAIR.search(turn)
        if pair is None:
            return []
        return [Family(ThinkingFormat("read-from-template", pair[1], pair[3], turn[pair.end() :]))]
    end = TOKEN.search(between)
    tail = seen.prompt.tail
    # A template may open thinking, close it, or break a line where it asks for a turn, and not in a past one.
    while tail and not (before.startswith(tail) and before[len(tail) :].strip()):
        tail = tail[: max((found.start() for found in TOKEN.finditer(tail)), default=0)].rstrip()
    start = before[len(tail) :].lstrip("\n")
    if end is None or not start.strip():
        return []
    answer = between[end.end() :]
    form = ThinkingFormat("read-from-template", start, end[0], answer, markup=answer if TOKEN.search(answer) else "")
    shared = end[0] in seen.after or (end[0] in seen.prompt.tail and start.strip() not in seen.prompt.tail)
    return [Family(form, shared=shared)]
