"""`tts-bench run`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tts_bench.cli import flags
from tts_bench.cli.configured import checked, several
from tts_bench.errors import UserError
from tts_bench.text import safe

if TYPE_CHECKING:
    from tts_bench.runs.checked import Checked


@flags.takes(*several())
def run(
    given: dict[str, Any],
    resume: Annotated[Path | None, typer.Option(help="Resume the run in this folder with its own settings.")] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Run a pilot and print what the run will cost, as tts-bench plan does."),
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print only errors: no header, progress or table.")
    ] = False,
    verbose: Annotated[
        bool,
        typer.Option("--verbose", "-v", help="Print a line for each problem and strategy: answer, verdict, tokens."),
    ] = False,
) -> None:
    """Run strategies on tasks with a model and plot accuracy against compute.

    Without a model and tasks, it runs the pocket model, a synthetic control that ships with this package, on its own
    task. Repeating the command resumes the run; nothing is generated twice. Several models or seeds make a study.
    """
    from tts_bench.cli import typed_study

    if quiet and verbose:
        raise UserError("--quiet and --verbose are both given. Remove one of them.")
    if dry_run and verbose:
        raise UserError("--dry-run prints no answers. Remove --verbose.")
    if typed_study.is_one(given):
        if verbose:
            raise UserError("--verbose shows the answers of one run. Give one --model and one seed, or remove it.")
        if dry_run:
            raise UserError("--dry-run plans one run. Give one --model and one seed, or leave it out.")
        typed_study.play(given, resume, quiet=quiet)
        return
    given = typed_study.single(given)
    ready = checked(given, resume)
    if dry_run:
        from tts_bench.cli.plan import show

        show(ready, quiet=quiet)
        return
    play(ready, quiet=quiet, verbose=verbose)


def play(checked: Checked, *, quiet: bool = False, verbose: bool = False) -> None:
    """Run what was checked, and print its curve."""
    from tts_bench.solving.model import begin

    starting = begin(checked.model)  # first: it loads while this process imports

    from tts_bench.cli.printing import output
    from tts_bench.present import running, terminal
    from tts_bench.present.plot import prepare, write_plots
    from tts_bench.present.progress import Progress
    from tts_bench.present.progress_bar import bar
    from tts_bench.runs.run import load  # loads lm-eval

    if starting:
        prepare()  # while it is waited for
    console = output()
    with bar() as fetching:
        run = load(checked, fetching, starting)
    for line in () if quiet else running.header(run):
        console.print(safe(line), soft_wrap=True)
    with Progress(len(run.items), list(run.labels.values()), quiet=quiet, verbose=verbose) as progress:
        outcome = run.execute(progress)
    out, curve = outcome.out, run.readable(outcome.curve)
    unshown = write_plots(curve, out / "curve.png", out / "curve.svg", title=run.model.engine.info.model)
    if not quiet:
        terminal.show(curve, console)
        if unshown:
            console.print(safe(unshown))
        console.print(
            f"Written to {safe(str(out))}: run.json, records.jsonl, curve.json, curve.png, curve.svg, lm_eval/"
        )
    for line in running.errors(outcome.errors) if outcome.errors else ():
        console.print(safe(line), soft_wrap=True)
    if outcome.errors:
        raise typer.Exit(1)
