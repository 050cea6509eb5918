"""`tts-bench tasks`: what tasks there are, and whether their scorers tell right from wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tts_bench.cli.printing import Json, emit, output
from tts_bench.cli.quiet import quietly
from tts_bench.tasks.catalog import describe, names

app = typer.Typer(help="List tasks, check their scorers, or create your own.", no_args_is_help=False)

_SHOWN = 20  # failures printed in full


@app.callback(invoke_without_command=True)
def tasks(context: typer.Context, as_json: Json = False) -> None:
    """List the tasks."""
    if context.invoked_subcommand:
        return
    if as_json:
        keys = ("name", "title", "rows", "licence", "hub", "splits", "shipped", "subtasks")
        emit({"tasks": [{key: getattr(info, key) for key in keys} for info in map(describe, names())]})
        return
    from rich.table import Table

    table = Table(title="Tasks")
    for column in ("task", "problems", "rows", "data", "licence"):
        table.add_column(column, justify="right" if column == "rows" else "left", no_wrap=column == "task")
    for info in map(describe, names()):
        data = "shipped" if "test" in info.shipped else "--data-dir or hub"
        table.add_row(info.name, info.title, str(info.rows), data, info.licence)
    console = output()
    console.print(table)
    console.print(
        "Metrics: strict (the last box), lenient (without a box: the last number or formula).", highlight=False
    )
    console.print("Any generate_until task of lm-eval runs too, by the name lm_eval/NAME.", highlight=False)
    console.print("So does one of your own, by its file: tts-bench tasks new my-task", highlight=False)


@app.command()
@quietly
def new(name: Annotated[str, typer.Argument(help="Name of the task and of its folder, such as my-task.")]) -> None:
    """Create a task of your own in the folder NAME: YAML file, data and test."""
    from tts_bench.scaffold import write
    from tts_bench.scaffold.task import folder

    made = write(name, folder(name))
    file = f"./{made}/{name.replace('-', '_')}.yaml"
    print(f"{made}/ contains a working task with three problems; put yours in {made}/problems.jsonl. Next:")
    print(f"    tts-bench tasks check {file}")
    print(f"    tts-bench run --engine scripted --tasks {file}")


@app.command()
def check(
    names: Annotated[
        list[str] | None, typer.Argument(help="Tasks or YAML files; all shipped tasks if omitted.")
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(envvar="TTS_BENCH_DATA", help="Folder with TASK/test.jsonl files.")
    ] = None,
) -> None:
    """Check that gold solutions are scored correct and known-wrong responses incorrect; exit code 2 if not."""
    from rich.progress import Progress, TaskID

    from tts_bench.tasks.catalog import describe
    from tts_bench.tasks.catalog import names as all_names
    from tts_bench.tasks.check import check as run_check

    wanted = names or [name for name in all_names() if "test" in describe(name).shipped]
    console = output()
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bars:
        ids: dict[str, TaskID] = {}

        def show(task: str, done: int, total: int) -> None:
            if task not in ids:
                ids[task] = bars.add_task(task, total=total)
            bars.update(ids[task], completed=done)

        report = run_check(wanted, data_dir, show)
    for task in report.tasks:
        failed = f"{len(task.failures)} scored incorrectly" if task.failures else "all scored correctly"
        line = f"{task.name}: {task.right} of {task.rows} gold solutions right, {task.wrong} known-wrong responses, "
        console.print(f"{line}{failed} ({task.seconds:.1f} s, data: {task.source})", highlight=False, markup=False)
        for failure in task.failures[:_SHOWN]:
            response = repr(failure.response[-200:])
            console.print(f"  row {failure.row}, {failure.case}, {failure.metric}: {response}", markup=False)
        if len(task.failures) > _SHOWN:
            console.print(f"  and {len(task.failures) - _SHOWN} more")
    if not report.ok:
        raise typer.Exit(2)
