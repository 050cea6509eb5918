"""`tts-bench run`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tts_bench.cli import flags
from tts_bench.config import ModelConfig, RunConfig

_MODEL, _GENERATION = "Model", "Generation"


@flags.takes(
    flags.of(RunConfig, leave_out=("model", "tasks", "strategies")),
    flags.of(ModelConfig, "model", "engine", panel=_MODEL),
    flags.of_engines(panel=_MODEL),
    flags.of(ModelConfig, leave_out=("model", "engine"), panel=_GENERATION),
)
def run(
    given: dict[str, Any],
    strategy: Annotated[
        list[str] | None,
        typer.Option(
            help="NAME or NAME:key=value,... ; repeat for more. Without a task it joins the default comparison.",
            show_default="baseline, budget-forcing, majority-vote, learned-token",
        ),
    ] = None,
    tasks: Annotated[
        str | None,
        typer.Option(
            help="Tasks, joined by commas; lm_eval/NAME for lm-eval's own.",
            show_default="pocket_arithmetic; gsm8k for other models",
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the run.", show_default="runs/NAME")] = None,
) -> None:
    """Run strategies on tasks with a model; draw accuracy against compute.

    With neither model nor tasks: the pocket model, a synthetic control that ships with this package, on its own task.
    The same command again resumes: nothing that was generated is generated again.
    """
    from tts_bench.engines import kinds
    from tts_bench.harness.checked import check
    from tts_bench.harness.defaults import plan
    from tts_bench.tasks import catalog

    named = tuple(name.strip() for name in tasks.split(",") if name.strip()) if tasks is not None else ()
    if tasks is not None:
        catalog.check(named)
    engine = kinds.chosen(given.get("engine", "hf"), flags.texts_of_engine(given))
    planned = plan(engine.name, given.get("model"), named, strategy or (), given.get("limit"))
    model = ModelConfig(**{**flags.of_class(ModelConfig, given), "model": planned.model, "engine": engine.spec})
    rest = {**flags.of_class(RunConfig, given), "limit": planned.limit, "model": model}
    checked = check(RunConfig(tasks=planned.tasks, strategies=planned.strategies, **rest), out)
    from tts_bench.cli.report_run import run_and_show  # loads torch and lm-eval

    run_and_show(checked)
