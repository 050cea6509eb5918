"""Running out of memory, as something that a user can mend."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tts_bench.engines.hf.loop import out_of_memory
from tts_bench.errors import UserError


@contextmanager
def told(instead: str) -> Iterator[None]:
    """The body, of whose many errors the first counts; `instead` is what to set where memory was short.

    Raises:
        UserError: out of memory.
    """
    try:
        yield
    except ExceptionGroup as group:
        if found := next((error for error in group.exceptions if out_of_memory(error)), None):
            raise UserError(f"out of memory ({_line(found)}). Set {instead}.") from group
        raise group.exceptions[0] from group
    except Exception as error:
        if out_of_memory(error):
            raise UserError(f"out of memory ({_line(error)}). Set {instead}.") from error
        raise


def _line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0][:200]
