"""`tts-bench watch`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tts_bench.cli.printing import Json, emit, output
from tts_bench.errors import UserError


def watch(
    run: Annotated[Path, typer.Argument(help="Run folder.")],
    every: Annotated[float, typer.Option(help="Seconds between updates.")] = 5.0,
    as_json: Json = False,
) -> None:
    """Show a run's table and curve while it runs, over the problems that all strategies have finished.

    Ends with the run; exit code 1 if the run stopped early. Without a terminal, it prints once.
    """

    from tts_bench.present.watching import Watched, follow

    if not 0.1 <= every <= 3600:
        raise UserError(f"--every is {every:g}; it takes 0.1 to 3600 seconds.")
    if as_json:
        view = Watched(run).look()
        emit({"state": view.state, "so_far": view.said or None, "points": [point.flat() for point in view.curve]})
    else:
        view = follow(run, every, output())
    if view.state == "stopped":
        raise typer.Exit(1)
