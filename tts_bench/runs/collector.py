"""Python's collector of reference cycles, while a run makes many objects and few cycles."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def seldom_collected() -> Iterator[None]:
    """The collector leaves alone what stands already, and comes by once in 100,000 new objects instead of 700.

    To look through all libraries takes as long as 400 problems. What a run makes is freed by reference counts, and
    looking through what is in flight at every turn makes 16 samples cost more than 16 times one.
    """
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(100_000, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
