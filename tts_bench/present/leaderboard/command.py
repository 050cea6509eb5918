"""The command of an entry: whoever reads a leaderboard may paste it into a shell, so it is plain words or nothing."""

from __future__ import annotations

import shlex

# What makes some shell run, redirect or continue something; quotes are no shelter, as not all shells read them alike.
_ACTING = frozenset(";&|<>$`\\\r\n\0")
_PROGRAM = "tts-bench"


def check(command: str) -> str:
    """`command`, if every shell reads it as plain words.

    Raises:
        ValueError: it is quoted otherwise than `shlex.join` does, or holds a character that a shell acts on.
    """
    if acting := sorted(_ACTING & {*command}):
        raise ValueError(f"a command holds {acting[0]!r}, which a shell would interpret")
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise ValueError(f"a command cannot be read as words: {error}") from error
    if shlex.join(words) != command:
        raise ValueError("a command is not quoted the way tts-bench writes it")
    return command


def plain(command: str) -> str | None:
    """`command`, or None where a shell would act on it: a run is none the worse for its system prompt."""
    return None if _ACTING & {*command} and command.isprintable() else command


def arguments(command: str | None) -> list[str] | None:
    """What a checked command gives to tts-bench; None where it is another program's."""
    program, *rest = shlex.split(command) if command else [""]
    return rest if program == _PROGRAM else None
