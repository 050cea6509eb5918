"""`tts-bench compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tts_bench.analysis.compute import AXES


def compare(
    runs: Annotated[list[Path], typer.Argument(help="Folders of runs; runs that differ in the seed only are pooled.")],
    x: Annotated[str, typer.Option("--x", help=f"Compute to match: {', '.join(AXES)}.")] = "tokens",
    baseline: Annotated[str | None, typer.Option(help="What to compare with.", show_default="baseline")] = None,
    resamples: Annotated[int, typer.Option(help="Bootstrap resamples.")] = 10_000,
    seed: Annotated[int, typer.Option(help="Seed of the resamples.")] = 0,
    allow_different: Annotated[
        bool,
        typer.Option(
            "--allow-different",
            help="Compare other data, prompts, models, thinking formats or versions of a strategy too.",
        ),
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Write the result as JSON, too.")] = None,
) -> None:
    """Say what the data of runs support: paired differences with intervals, tests and costs."""
    from tts_bench.cli.show_comparison import compare_and_show

    compare_and_show(runs, x, baseline, resamples, seed, allow_different, out)
