"""What a program gives in the place of what a command line has read."""

from __future__ import annotations

from numbers import Integral

from tts_bench.errors import UserError


def whole(name: str, value: object, *, least: int) -> int:
    """`value`, which a program gives for `name`, as a whole number.

    Raises:
        UserError: it is none, or below `least`.
    """
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise UserError(f"{name} is {repr(value)[:200]}; it takes a whole number from {least} upwards.")
    return int(value)
