"""The characters of `name:key=value,key=value`: how it is cut into names and texts, and how texts are put into it.

The name is a registered one or `file.py:Class`; the first `=` of a piece ends its key, so values may hold `=`. In a
value `\\,` is a comma and `\\\\` a backslash; any other backslash stands for itself. Options that are passed on to a
library have JSON values or else words: there, the commas of a list or object belong to its value.
"""

from __future__ import annotations

import json
import re

from tts_bench.errors import UserError

_SPEC = re.compile(r"(?P<name>[^:]*\.py:[^:]*|[^:]*)(?::(?P<options>.*))?", re.DOTALL)
_BRACKETS = ("[", "{")


def split_name(spec: str, what: str = "strategy") -> tuple[str, str | None]:
    """The name in `name:key=value,...`, and what stands behind its colon; `what` is what messages call the named thing.

    Raises:
        UserError: no name.
    """
    match = _SPEC.fullmatch(spec)
    if match is None or not match["name"].strip():
        raise UserError(f"{spec!r} names no {what}. Type NAME or NAME:key=value,key=value.")
    return match["name"].strip(), match["options"]


def pairs(text: str, name: str, *, json_values: bool = False) -> dict[str, str]:
    """Option texts by name in `key=value,key=value`; messages speak of `name`.

    Raises:
        UserError: a piece without `=`, or a key given twice.
    """
    texts: dict[str, str] = {}
    for piece in pieces(text, ",", json_values=json_values):
        key, equals, value = piece.partition("=")
        if not equals or not key.strip():
            raise UserError(
                f"{name} has {piece!r}; it takes key=value,key=value. Type \\, for a comma that is part of a value."
            )
        if key.strip() in texts:
            raise UserError(f"{name} has {key.strip()!r} twice. Give it once.")
        texts[key.strip()] = value
    return texts


def pieces(text: str, separator: str, *, json_values: bool = False) -> list[str]:
    """What `separator` cuts `text` into; behind a backslash it cuts nothing."""
    found, place = [""], 0
    while place < len(text):
        char, following = text[place], text[place + 1 : place + 2]
        end = place + 1
        if json_values and char in _BRACKETS and found[-1].rstrip().endswith("="):
            end = _end_of_json(text, place)
        if end > place + 1:
            found[-1] += text[place:end]
        elif char == "\\" and following:
            found[-1] += following if following in (separator, "\\") else char + following
            end += 1
        elif char == separator:
            found.append("")
        else:
            found[-1] += char
        place = end
    return found


def escape(text: str, separator: str) -> str:
    """What `pieces` reads back as `text`."""
    return text.replace("\\", "\\\\").replace(separator, "\\" + separator)


def from_json(text: str, name: str, key: str) -> object:
    """The value of an option that is passed on: JSON, or else a word.

    Raises:
        UserError: there is nothing.
    """
    if not text.strip():
        raise UserError(f"{name}: option {key} is {text!r}; it takes a value. Type {name}:{key}=VALUE")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text.strip()


def as_json(value: object) -> str:
    """What `pairs` and `from_json` read back as `value`."""
    text = json.dumps(value, ensure_ascii=False)
    if isinstance(value, str) and value and value == value.strip() and from_json(value, "", "") == value:
        text = value  # a word needs no quotes
    return text if isinstance(value, list | dict) else escape(text, ",")


def _end_of_json(text: str, place: int) -> int:
    """Where the list or object that begins at `place` ends; behind its bracket where it is none."""
    try:
        return json.JSONDecoder().raw_decode(text, place)[1]
    except (ValueError, RecursionError):
        return place + 1
