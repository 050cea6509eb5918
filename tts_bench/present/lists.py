"""How lists, tables of options and the verdicts of the conformance kit are printed."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from tts_bench.conformance.kit import Claim, Result
from tts_bench.options import Option
from tts_bench.text import safe


def show_verdicts(results: Iterable[Result[Any]], claims: Sequence[Claim[Any]], width: int) -> bool:
    """Print each claim with its verdict, `width` wide, as it comes; whether every one that applies holds."""
    console, began, verdicts = Console(), time.perf_counter(), Counter[str]()
    names, count = max(len(claim.name) for claim in claims), len(claims)
    for result in results:
        verdicts[result.verdict] += 1
        row = Table.grid(Column(width=width), Column(width=names), Column(overflow="fold"), padding=(0, 2, 0, 0))
        row.add_row(result.verdict, result.claim.name, text(result.claim.sentence))
        if result.reason:
            row.add_row("", "", text(f"why: {result.reason}"))
        console.print(row)
    beside = f", not applicable: {verdicts['not applicable']}" if verdicts["not applicable"] else ""
    seconds = time.perf_counter() - began
    console.print(f"{verdicts['pass']} of {count} claims hold{beside} ({seconds:.1f} s).", highlight=False)
    return verdicts["pass"] + verdicts["not applicable"] == count


def text(value: str) -> Text:
    """Text that rich prints as it is: no markup, no control characters."""
    return Text("\n".join(safe(line) for line in value.split("\n")))


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
