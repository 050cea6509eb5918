"""What a program gives in the place of what a command line has read."""

from __future__ import annotations

import os
from numbers import Integral
from os import PathLike
from pathlib import Path

from tts_bench.errors import UserError


def whole(name: str, value: object, *, least: int) -> int:
    """`value`, which a program gives for `name`, as a whole number.

    Raises:
        UserError: it is none, or below `least`.
    """
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise UserError(f"{name} is {shown(value)}; it takes a whole number from {least} upwards.")
    return int(value)


def text(name: str, value: object) -> str:
    """`value` as a text.

    Raises:
        UserError: it is none.
    """
    if not isinstance(value, str):
        raise UserError(f"{name} is {shown(value)}; it takes a text.")
    return value


def path(name: str, value: object) -> Path:
    """`value` as a path that the system takes, whether or not anything is there.

    Raises:
        UserError: it is none.
    """
    if not isinstance(value, str | PathLike):
        raise UserError(f"{name} is {shown(value)}; it takes a path, as text.")
    place = os.fsdecode(value)
    try:
        nul = b"\0" in os.fsencode(place)
    except UnicodeEncodeError as error:
        raise UserError(f"{name} is {shown(place)}, which no file can be called. Give another path.") from error
    if nul:
        raise UserError(f"{name} is {shown(place)}; a path has no character of code 0. Give another path.")
    return Path(place)


def shown(value: object) -> str:
    """`value` in a message."""
    return ascii(value)[:200] if isinstance(value, str) and not value.isprintable() else repr(value)[:200]
