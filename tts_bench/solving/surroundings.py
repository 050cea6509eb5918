"""What strategies share with the whole process, and may leave changed."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def put_back() -> Iterator[None]:
    """Afterwards the working folder and the standard streams are those of before.

    Two strategies that each change them for a while, and wait for the model meanwhile, put them back crosswise.
    """
    streams = sys.stdout, sys.stderr
    folder = os.open(".", getattr(os, "O_PATH", os.O_RDONLY))  # it may be one that nobody may list
    try:
        yield
    finally:
        sys.stdout, sys.stderr = streams
        with contextlib.suppress(OSError):  # a strategy may have closed it by its number
            try:
                os.fchdir(folder)
            finally:
                os.close(folder)
