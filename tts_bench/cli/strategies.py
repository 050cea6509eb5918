"""`tts-bench strategies`: what there is and what it takes; a start for one of your own; whether one conforms."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text
from typer.core import TyperGroup

from tts_bench import registry
from tts_bench.errors import UserError
from tts_bench.text import safe

DISTRIBUTION = "test-time-scaling-bench"


class _NameOrCommand(TyperGroup):
    """`strategies NAME` shows that strategy: what is no command is a name."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - typer's own
        if args and not args[0].startswith("-") and args[0] not in self.commands:
            args = ["show", *args]
        return list(super().parse_args(ctx, args))


app = typer.Typer(cls=_NameOrCommand, help="Strategies: list them, show one, start one of your own, check one.")


@app.callback(invoke_without_command=True)
def strategies(context: typer.Context) -> None:
    """List the strategies and their options; with the name of one, show it."""
    if context.invoked_subcommand is None:
        _list(Console())


@app.command()
def show(name: Annotated[str, typer.Argument(help="A strategy, or ./file.py:CLASS.")]) -> None:
    """Show one strategy: what it does, and its options."""
    _show(Console(), registry.describe(name))


@app.command()
def new(name: Annotated[str, typer.Argument(help="Its name, such as my-idea; the folder is called so too.")]) -> None:
    """Start a strategy of your own: a package that works, with its test, in a folder NAME."""
    from tts_bench.scaffold import write
    from tts_bench.scaffold.strategy import module, package

    folder = write(name, package(name))
    file, _, class_name = module(name).partition(":")
    print(f"{folder}/ has a strategy that works. What it does stands in {folder}/{file}.py. Next:")
    print(f"    tts-bench strategies check ./{folder}/{file}.py:{class_name}")
    print(f"    tts-bench run --engine scripted --limit 20 --strategy ./{folder}/{file}.py:{class_name}")
    print(f"    pip install -e ./{folder}    # then its name is {name}")


@app.command()
def check(
    spec: Annotated[str, typer.Argument(help="NAME or ./file.py:CLASS, with :key=value,... if you like.")],
) -> None:
    """Try out on a scripted model whether a strategy keeps what the harness relies on; if not, exit code 2."""
    from tts_bench.testing import CLAIMS, results

    console, began, passed = Console(), time.perf_counter(), 0
    width = max(len(claim.name) for claim in CLAIMS)
    for result in results(spec):
        passed += result.verdict == "pass"
        row = Table.grid(Column(width=9), Column(width=width), Column(overflow="fold"), padding=(0, 2, 0, 0))
        row.add_row(result.verdict, result.claim.name, _text(result.claim.sentence))
        if result.reason:
            row.add_row("", "", _text(f"why: {result.reason}"))
        console.print(row)
    console.print(f"{passed} of {len(CLAIMS)} claims hold ({time.perf_counter() - began:.1f} s).", highlight=False)
    if passed < len(CLAIMS):
        raise typer.Exit(2)


def _list(console: Console) -> None:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in ("strategy", "options", "what it does", "from"):
        table.add_column(title, overflow="fold")
    for name in registry.names():
        try:
            found = registry.describe(name)
        except UserError as error:  # a broken plugin hides no other strategy
            table.add_row(_text(name), "", _text(str(error)), "")
            continue
        options = "\n".join(_setting(option.name, option.default) for option in found.options)
        table.add_row(_text(name), _text(options), _text(found.summary), _text(_origin(found.source)))
    console.print(table)
    console.print("\nUse: tts-bench run --strategy NAME:option=value   More: tts-bench strategies NAME")


def _show(console: Console, found: registry.Description) -> None:
    console.print(_text(found.name), style="bold")
    console.print(_text(found.doc or "(no documentation)"))
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in ("option", "type", "default"):
        table.add_column(title, overflow="fold")
    for option in found.options:
        default = "(required)" if option.default is None else option.default
        table.add_row(_text(option.name), _text(option.type), _text(default))
    console.print()
    console.print(table if found.options else "It has no options.")
    console.print(_text(f"\nfrom {found.source}"))


def _origin(source: str) -> str:
    return "built in" if source.startswith(f"{DISTRIBUTION} ") else source


def _setting(name: str, default: str | None) -> str:
    return f"{name} (required)" if default is None else f"{name}={default}"


def _text(value: str) -> Text:
    """Text that rich prints as it is: no markup, no control characters."""
    return Text("\n".join(safe(line) for line in value.split("\n")))
