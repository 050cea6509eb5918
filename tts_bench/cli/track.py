"""`tts-bench track`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tts_bench.cli.quiet import quietly


class To(StrEnum):
    MLFLOW = "mlflow"
    WANDB = "wandb"
    TRACKIO = "trackio"


@quietly
def track(
    runs: Annotated[list[Path], typer.Argument(help="Folders of finished runs or studies.", show_default=False)],
    to: Annotated[To, typer.Option("--to", help="Tracker.")],
    project: Annotated[str, typer.Option("--project", "--experiment", help="Project or experiment.")] = "tts-bench",
) -> None:
    """Log finished runs to a tracker: one tracker run per strategy and task, with a step per rung.

    Its own settings choose the destination (MLFLOW_TRACKING_URI, WANDB_MODE, TRACKIO_DIR, ...). Without a login,
    Weights & Biases logs offline. Nothing is logged twice.
    """
    from tts_bench.present.trackers import kinds
    from tts_bench.present.trackers.line import lines
    from tts_bench.text import safe

    logged, there = kinds.log(lines(runs), to.value, project)
    more = f"; it already had {there} others" if there else ""
    print(f"Logged {logged} tracker runs to {to.value}, project {safe(project)}{more}")
