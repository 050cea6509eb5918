"""What the verbs `strategies` and `engines` have in common: `VERB NAME` shows one, with a table of its options."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.table import Table
from typer.core import TyperGroup

from tts_bench.cli.verdicts import text
from tts_bench.options import Option


class NameOrCommand(TyperGroup):
    """`strategies NAME` shows that strategy: what is no command is a name."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - typer's own
        if args and not args[0].startswith("-") and args[0] not in self.commands:
            args = ["show", *args]
        return list(super().parse_args(ctx, args))


def table(*titles: str) -> Table:
    """An empty one without lines."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in titles:
        made.add_column(title, overflow="fold")
    return made


def show_options(console: Console, options: Iterable[Option]) -> None:
    """Print a table of options, with what each does where any says so."""
    rows = [
        (option.name, option.type, "(required)" if option.default is None else option.default, option.help)
        for option in options
    ]
    width = 4 if any(help for *_, help in rows) else 3
    shown = table(*("option", "type", "default", "what it does")[:width])
    for row in rows:
        shown.add_row(*map(text, row[:width]))
    console.print(shown if rows else "It has no options.")
