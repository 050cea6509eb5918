"""Where the keys of a TOML file stand, for messages."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator

from tts_bench.errors import UserError

_HEADER = re.compile(r"^\s*\[\[?\s*(?P<path>.+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"""^\s*(?P<path>(?:[\w-]+|"(?:[^"\\]|\\.)*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")


class Places:
    """The lines of a file's tables and keys, as far as a look at each line tells them."""

    def __init__(self, name: str, text: str) -> None:
        self._name, self._lines = name, text.splitlines() or [""]
        self._found: dict[tuple[str, ...], int] = {}
        for path, number in _paths(self._lines):
            self._found.setdefault(path, number)

    def at(self, *path: str, text: str = "") -> str:
        """The beginning of a message on the key or table at `path`: file and line.

        Without a line of its own it is that of the table around it, and line 1 at last. `text` is a part of the value:
        the line of a long list that has it.
        """
        known = next((path[:size] for size in range(len(path), 0, -1) if path[:size] in self._found), None)
        number = self._found[known] if known else 1
        if text and known == path:
            ends = [line for key, line in self._found.items() if line > number] or [len(self._lines) + 1]
            rows = range(number, min(ends))
            whole = re.compile(rf"(?<![\w-]){re.escape(text)}(?![\w-])")  # and not a longer name that begins like it
            number = next((row for row in rows if whole.search(self._lines[row - 1])), number)
        return f"{self._name}, line {number}: "

    def broken(self, error: tomllib.TOMLDecodeError) -> UserError:
        """What is wrong with a file that is not TOML."""
        said = str(error)
        found = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)$", said)
        number = found[1] if found and found[1] else str(len(self._lines))
        what = said[: found.start()] if found else said
        return UserError(f"{self._name}, line {number}: this is not valid TOML: {what}. Fix it.")


def _paths(lines: list[str]) -> Iterator[tuple[tuple[str, ...], int]]:
    table: tuple[str, ...] = ()
    for number, line in enumerate(lines, 1):
        if (header := _HEADER.match(line)) and (path := _parsed(f"[{header['path']}]")):
            table = path
            yield from ((path[:size], number) for size in range(1, len(path) + 1))
        elif key := _KEY.match(line):
            path = _parsed(f"{key['path']} = 0") or ()
            yield from (((*table, *path[:size]), number) for size in range(1, len(path) + 1))


def _parsed(line: str) -> tuple[str, ...]:
    """The names in a header or a key; none where the line was neither."""
    try:
        found = tomllib.loads(line)
    except tomllib.TOMLDecodeError:
        return ()
    path = []
    while isinstance(found, dict) and found:
        [(name, found)] = found.items()
        path.append(name)
    return tuple(path)
