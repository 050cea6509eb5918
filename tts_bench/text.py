"""Text made fit for one line of a terminal, a table or a picture: what comes from outside, and counts of things."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """`1 problem`, `2,000 problems`; a noun that takes more than an `s` gives both: `entry|entries`."""
    one, _, several = noun.partition("|")
    return f"{number:,} {one if number == 1 else several or one + 's'}"


def only_ascii(encoding: str) -> bool:
    """Whether output in `encoding` has to be ASCII: `safe` then escapes all else, and tables are drawn without it."""
    return not encoding.lower().startswith("utf")


def safe(text: str, *, ascii_only: bool = False) -> str:
    """`text` with everything unprintable written as a backslash escape.

    Control characters, line breaks, ANSI escapes, direction marks and lone surrogates thus show and do nothing; with
    `ascii_only` so does every character outside ASCII, for terminals that cannot encode it.
    """
    if text.isprintable() and (text.isascii() or not ascii_only):
        return text
    return "".join(
        char if char.isprintable() and (char.isascii() or not ascii_only) else _escaped(char) for char in text
    )


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
