"""Rows as a data frame of polars."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from tts_bench.analysis.rows import Row
from tts_bench.errors import UserError

if TYPE_CHECKING:
    import polars as pl


def polars(rows: Iterable[Row]) -> pl.DataFrame:
    """`rows` with all keys that one of them has, in the order in which they were first seen.

    Raises:
        UserError: polars is not installed.
    """
    try:
        import polars as pl
    except ImportError as error:
        raise UserError(
            "to_polars() needs polars. Type: pip install 'test-time-scaling-bench[polars]', or use to_pandas()."
        ) from error
    every = list(rows)
    names = dict.fromkeys(name for row in every for name in row)
    return pl.DataFrame({name: [row.get(name) for row in every] for name in names}, strict=False)
