"""`tts-bench track`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class To(StrEnum):
    MLFLOW = "mlflow"
    WANDB = "wandb"
    TRACKIO = "trackio"


def track(
    runs: Annotated[list[Path], typer.Argument(help="Folders of finished runs or studies.", show_default=False)],
    to: Annotated[To, typer.Option("--to", help="Tracker.")],
    project: Annotated[str, typer.Option("--project", "--experiment", help="Project or experiment.")] = "tts-bench",
) -> None:
    """Log finished runs to a tracker: one of its runs per strategy and task, with a step per rung.

    The tracker's own settings say where it goes (MLFLOW_TRACKING_URI, WANDB_MODE, TRACKIO_DIR, ...). Weights & Biases
    without a login logs offline. What is there already is not logged again.
    """
    from tts_bench.present.trackers import kinds
    from tts_bench.present.trackers.line import lines
    from tts_bench.text import safe

    logged, there = kinds.log(lines(runs), to.value, project)
    more = f"; {there} were there already" if there else ""
    print(f"Logged {logged} lines to {to.value}, project {safe(project)}{more}")
