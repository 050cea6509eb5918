"""`tts-bench strategies`: what there is and what it takes; a start for one of your own; whether one conforms."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.console import Console

from tts_bench import presets, registry
from tts_bench.cli.naming import NameOrCommand
from tts_bench.cli.printing import Json, emit, output
from tts_bench.cli.quiet import quietly
from tts_bench.errors import UserError
from tts_bench.plugins import origin
from tts_bench.present.lists import show_options, show_verdicts, table, text

app = typer.Typer(cls=NameOrCommand, help="List strategies, show one, create your own, or check one.")


@app.callback(invoke_without_command=True)
def strategies(context: typer.Context, as_json: Json = False) -> None:
    """List the strategies and their options, or show the one named."""
    if context.invoked_subcommand is not None:
        return
    if as_json:
        emit({"strategies": [_content(group, name) for group, names in _by_group().items() for name in names]})
    else:
        _list(output())


@app.command()
def show(name: Annotated[str, typer.Argument(help="A strategy, or ./file.py:CLASS.")], as_json: Json = False) -> None:
    """Show what a strategy does and its options."""
    found = registry.describe(name)
    if as_json:
        emit(asdict(found))
    else:
        _show(output(), found)


@app.command()
@quietly
def new(name: Annotated[str, typer.Argument(help="Name of the strategy and of its folder, such as my-idea.")]) -> None:
    """Create a strategy of your own in the folder NAME: a working package with a test."""
    from tts_bench.scaffold import write
    from tts_bench.scaffold.strategy import module, package

    folder = write(name, package(name))
    file, _, class_name = module(name).partition(":")
    print(f"{folder}/ contains a working strategy, described in {folder}/{file}.py. Next:")
    print(f"    tts-bench strategies check ./{folder}/{file}.py:{class_name}")
    print(f"    tts-bench run --engine scripted --limit 20 --strategy ./{folder}/{file}.py:{class_name}")
    print(f"    pip install -e ./{folder}    # then its name is {name}")


@app.command()
def check(
    spec: Annotated[str, typer.Argument(help="NAME or ./file.py:CLASS, optionally with :key=value,...")],
) -> None:
    """Check on a scripted model that a strategy keeps its contract with the harness; exit code 2 if not."""
    from tts_bench.conformance.apart import results
    from tts_bench.testing import CLAIMS

    if not show_verdicts(results(spec), CLAIMS, len("not tried")):
        raise typer.Exit(2)


def _list(console: Console) -> None:
    listing = table("strategy", "what it does")
    for group, names in _by_group().items():
        listing.add_row(text(group), "", style="bold")
        for name in names:
            try:
                found = registry.describe(name)
                beside = "" if origin(found.source) == "built in" else f" (from {found.source})"
                listing.add_row(text(f"  {name}"), text(f"{found.summary}{beside}"))
            except UserError as error:  # a broken plugin hides no other strategy
                listing.add_row(text(f"  {name}"), text(str(error)))
    console.print(listing)
    console.print("\nUse: tts-bench run --strategy NAME:option=value   Options: tts-bench strategies NAME")
    console.print("Several: tts-bench run --strategies GROUP; shelf is all of them, cheap those that read only a pool")


def _content(group: str, name: str) -> dict[str, Any]:
    try:
        return {"group": group, **asdict(registry.describe(name)), "problem": None}
    except UserError as error:  # as in the table
        return {"group": group, "name": name, "problem": str(error)}


def _by_group() -> dict[str, list[str]]:
    """Every strategy once, in the first of its groups; last those that are in none."""
    left = dict.fromkeys(registry.names())
    found: dict[str, list[str]] = {}
    for group, names in presets.groups().items():
        if group not in (presets.SHELF, presets.CHEAP):
            found[group] = [name for name in names if name in left]
            left = {name: None for name in left if name not in names}
    return {**found, "in no group": list(left)}


def _show(console: Console, found: registry.Description) -> None:
    console.print(text(found.name), style="bold")
    console.print(text(found.doc or "(no documentation)"))
    console.print()
    show_options(console, found.options)
    console.print(text(f"\nfrom {found.source}"))
