"""`tts-bench strategies`: what there is, and what it takes."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tts_bench import registry
from tts_bench.errors import UserError
from tts_bench.text import safe

DISTRIBUTION = "test-time-scaling-bench"


def strategies(
    name: Annotated[str | None, typer.Argument(help="A strategy, or ./file.py:CLASS, to see all of it.")] = None,
) -> None:
    """List the strategies and their options, or show one of them."""
    console = Console()
    if name is None:
        _list(console)
    else:
        _show(console, registry.describe(name))


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
