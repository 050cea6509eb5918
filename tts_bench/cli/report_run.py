"""What `tts-bench run` shows: the header, progress, the table with its curve, and errors at the end."""

from __future__ import annotations

import json
import sys

import typer
from rich.console import Console

from tts_bench.analysis import terminal
from tts_bench.analysis.plot import write_plots
from tts_bench.cli.progress_bar import bar
from tts_bench.runs.checked import Checked
from tts_bench.runs.progress import Progress
from tts_bench.runs.run import Outcome, Run, load
from tts_bench.text import safe

_SHOWN_ERRORS = 10


def run_and_show(checked: Checked) -> None:
    """Load, execute and show a run.

    Raises:
        UserError: as `load`.
        typer.Exit: with code 1 where problems ended in errors.
    """
    console = Console(highlight=False, markup=False, force_terminal=sys.stdout.isatty())
    with bar() as fetching:
        run = load(checked, fetching)
    for line in header(run):
        console.print(safe(line), soft_wrap=True)
    with Progress(len(run.items), list(run.labels.values())) as progress:
        outcome = run.execute(progress)
    curve, model = run.readable(outcome.curve), run.model.engine.info.model
    write_plots(curve, outcome.out / "curve.png", outcome.out / "curve.svg", title=model)
    terminal.show(curve, console)
    console.print(
        f"Written to {safe(str(outcome.out))}: run.json, records.jsonl, curve.json, curve.png, curve.svg, lm_eval/"
    )
    if outcome.errors:
        _show_errors(outcome, console)
        raise typer.Exit(1)


def header(run: Run) -> list[str]:
    """Model, thinking, sampling, data and engine, a line each."""
    info, settings = run.model.engine.info, run.model.settings
    exact = "exact" if info.exact else "not exact"
    data = ", ".join(f"{t.name} ({t.source}, sha256 {t.sha256[:12]})" for t in run.tasks.tasks.values())
    return [
        f"model     {info.model} (sha256 {info.fingerprint[:12]}, context {info.context})",
        *(f"          {note}" for note in run.model.notes),
        f"thinking  {run.model.found.describe()}; at most {settings.max_thinking} tokens a trace",
        *_template(run),
        f"sampling  {settings.thinking}; seed {settings.seed}",
        f"engine    {info.name}, {exact}: {info.exact_note}",
        f"data      {data}; {len(run.items)} problems",
        f"run       {run.folder.path}, generations in {run.store}",
    ]


def _template(run: Run) -> list[str]:
    """What the chat template is told, where that is anything."""
    said = run.model.facts().get("template", {})
    words = [f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in said.get("arguments", {}).items()]
    if "date" in said:
        words.append(f"it speaks of the date, which is {said['date']} in all of this run (--template-date changes it)")
    return [f"template  {'; '.join(words)}"] if words else []


def _show_errors(outcome: Outcome, console: Console) -> None:
    console.print(f"{len(outcome.errors)} errors; these problems are in no accuracy:")
    for record in outcome.errors[:_SHOWN_ERRORS]:
        assert record.error is not None
        console.print(
            safe(f"  {record.problem}  {record.strategy}  {record.error.kind}: {record.error.message}"), soft_wrap=True
        )
    if len(outcome.errors) > _SHOWN_ERRORS:
        console.print(f"  ... and {len(outcome.errors) - _SHOWN_ERRORS} more in records.jsonl")
