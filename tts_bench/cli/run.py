"""`tts-bench run`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tts_bench.cli import flags
from tts_bench.cli.configured import FLAGS, configured, resumed


@flags.takes(*FLAGS)
def run(
    given: dict[str, Any],
    resume: Annotated[
        Path | None, typer.Option(help="Folder of a run: go on with it as it was begun, without another word.")
    ] = None,
) -> None:
    """Run strategies on tasks with a model; draw accuracy against compute.

    With neither model nor tasks: the pocket model, a synthetic control that ships with this package, on its own task.
    The same command again resumes: nothing that was generated is generated again.
    """
    from tts_bench.runs.checked import check

    checked = check(configured(given) if resume is None else resumed(resume, given))
    from tts_bench.cli.report_run import run_and_show  # loads torch and lm-eval

    run_and_show(checked)
