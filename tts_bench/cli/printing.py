"""What several verbs print alike: a plugin's kind with its options, and JSON in the place of a table."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

_PIPED = 10_000  # columns of a file or pipe: nothing is wrapped there
Json = Annotated[bool, typer.Option("--json", help="Print only JSON.")]


def emit(content: Mapping[str, object]) -> None:
    """Print `content` as one JSON object, of schema 1 unless it says another.

    It is all ASCII: no name in it reaches a terminal as it is.

    Raises:
        ValueError: a number in it is not finite.
    """
    sys.stdout.write(json.dumps({"schema": 1, **content}, indent=1, allow_nan=False) + "\n")


def output(*, quiet: bool = False) -> Console:
    """Standard output: text is data, and lines are as long as they are where no terminal shows them.

    The environment's COLUMNS sets a width for both.
    """
    from rich.console import Console

    terminal = sys.stdout.isatty()
    width = None if terminal or os.environ.get("COLUMNS", "").isdigit() else _PIPED
    return Console(highlight=False, markup=False, emoji=False, force_terminal=terminal, width=width, quiet=quiet)


def show_kind(name: str, summary: str, options: type[Any], source: str, *, as_json: bool) -> None:
    """Print a kind of engine or scorer: what it does, its options, and the distribution it comes from."""
    from tts_bench.options import options_of, passed_on_by
    from tts_bench.present.lists import show_options, text

    known = options_of(options)
    if as_json:
        emit({"name": name, "summary": summary, "options": [asdict(option) for option in known], "source": source})
        return
    console = output()
    console.print(text(name), style="bold")
    console.print(text(f"It {summary}.\n"))
    show_options(console, known)
    if passed_on_by(options):
        console.print("\nAny other option is passed to the underlying library, as JSON or as a string.")
    console.print(text(f"\nfrom {source}"))
