"""`tts-bench plot`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tts_bench.analysis.compute import AXES


def plot(
    runs: Annotated[list[Path], typer.Argument(help="Folders of runs; runs that differ in the seed only are pooled.")],
    out: Annotated[Path, typer.Option(help="File to write: .svg, .png or .pdf.")],
    x: Annotated[str, typer.Option("--x", help=f"Compute axis: {', '.join([*AXES, 'seconds'])}.")] = "tokens",
    title: Annotated[str | None, typer.Option(help="Title.", show_default="the model's name")] = None,
    allow_different: Annotated[
        bool,
        typer.Option(
            "--allow-different",
            help="Draw other data, prompts, models, thinking formats or versions of a strategy as well.",
        ),
    ] = False,
) -> None:
    """Draw accuracy against compute: a panel for each task, and with several tasks a figure of each, too."""
    from tts_bench.cli.show_plot import plot_and_show

    plot_and_show(runs, out, x, title, allow_different)
