"""How far fetching and converting a model has come, on standard error."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from tts_bench import models


@contextmanager
def bar() -> Iterator[models.Progress]:
    """A progress bar on standard error, for `models.resolve`; it is drawn from the first report on."""
    size = TextColumn("{task.fields[size]}")
    view = Progress(
        TextColumn("{task.description}"), BarColumn(), size, TimeElapsedColumn(), console=Console(file=sys.stderr)
    )
    stages: dict[str, TaskID] = {}

    def tell(what: str, done: int, of: int) -> None:
        view.start()
        if what not in stages:
            stages[what] = view.add_task(what, size="")
        text = f"{decimal(done)} of {decimal(of)}" if of else ""
        view.update(stages[what], completed=done, total=of or None, size=text)

    try:
        yield tell
    finally:
        if stages:
            view.stop()
