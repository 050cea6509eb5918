"""`tts-bench strategies`: what there is and what it takes; a start for one of your own; whether one conforms."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from typer.core import TyperGroup

from tts_bench import registry
from tts_bench.cli.verdicts import show as show_verdicts
from tts_bench.cli.verdicts import text
from tts_bench.errors import UserError
from tts_bench.plugins import origin


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
    from tts_bench.conformance.apart import results
    from tts_bench.testing import CLAIMS

    if not show_verdicts(results(spec), CLAIMS, len("not tried")):
        raise typer.Exit(2)


def _list(console: Console) -> None:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in ("strategy", "options", "what it does", "from"):
        table.add_column(title, overflow="fold")
    for name in registry.names():
        try:
            found = registry.describe(name)
        except UserError as error:  # a broken plugin hides no other strategy
            table.add_row(text(name), "", text(str(error)), "")
            continue
        options = "\n".join(_setting(option.name, option.default) for option in found.options)
        table.add_row(text(name), text(options), text(found.summary), text(origin(found.source)))
    console.print(table)
    console.print("\nUse: tts-bench run --strategy NAME:option=value   More: tts-bench strategies NAME")


def _show(console: Console, found: registry.Description) -> None:
    console.print(text(found.name), style="bold")
    console.print(text(found.doc or "(no documentation)"))
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in ("option", "type", "default"):
        table.add_column(title, overflow="fold")
    for option in found.options:
        default = "(required)" if option.default is None else option.default
        table.add_row(text(option.name), text(option.type), text(default))
    console.print()
    console.print(table if found.options else "It has no options.")
    console.print(text(f"\nfrom {found.source}"))


def _setting(name: str, default: str | None) -> str:
    return f"{name} (required)" if default is None else f"{name}={default}"
