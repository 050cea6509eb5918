"""`tts-bench scorers`: list the kinds and their options, and check one on a text."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import typer
from rich.console import Console

from tts_bench.cli.naming import NameOrCommand
from tts_bench.cli.printing import Json, emit, output, show_kind
from tts_bench.plugins import origin
from tts_bench.present.lists import table, text

app = typer.Typer(cls=NameOrCommand, help="List kinds of scorers, show one, or check one.")


@app.callback(invoke_without_command=True)
def scorers(context: typer.Context, as_json: Json = False) -> None:
    """List the kinds of scorers: whether each is installed, and how to install it. With a name, show one."""
    if context.invoked_subcommand is not None:
        return
    if as_json:
        _emit()
    else:
        _list(output())


@app.command()
def show(name: Annotated[str, typer.Argument(help="Kind of scorer.")], as_json: Json = False) -> None:
    """Show what a kind of scorer does and its options, for --scorer NAME=KIND:option=value."""
    from tts_bench.scorers.kinds import SCORERS, kind_of

    kind = kind_of(name)
    show_kind(name, kind.summary, kind.options, SCORERS.load(name)[1], as_json=as_json)


@app.command()
def check(
    scorer: Annotated[str, typer.Argument(help="KIND:option=value,..., as for --scorer.")],
    problem: Annotated[str, typer.Option(help="Text of the problem.")] = "What is 17 and 25?",
    thinking: Annotated[str, typer.Option(help="Thinking of the solution.")] = "17 and 25 is 42.",
    answer: Annotated[str, typer.Option(help="Answer of the solution.")] = "42",
) -> None:
    """Load a scorer and print its score of one solution; exit code 2 if the score is not reproducible."""
    from tts_bench.scorers import kinds
    from tts_bench.scorers.trial import tried

    [one] = kinds.check([scorer])
    loaded = kinds.load(one)
    try:
        said = asyncio.run(tried(loaded.scorer, problem, thinking, answer))
    finally:
        asyncio.run(loaded.scorer.close())
    console, info = output(), loaded.scorer.info
    for note in loaded.notes:
        console.print(text(f"note: {note}"), soft_wrap=True)
    console.print(f"value {said.value:.6g}; read {said.read:,} tokens, wrote {said.sampled:,}")
    if said.steps:
        console.print(f"steps {', '.join(f'{step:.6g}' for step in said.steps)}")
    if said.said:
        console.print(text(f"said {said.said!r}"), soft_wrap=True)
    console.print(text(f"fingerprint {info.fingerprint[:16]}, {info.parameters:,} parameters per token"))


def _emit() -> None:
    from tts_bench.errors import UserError
    from tts_bench.scorers.kinds import SCORERS, kind_of

    found: list[dict[str, Any]] = []
    for name in sorted(SCORERS.registered()):
        known: dict[str, Any] = {"name": name, "installed": None, "problem": None}
        try:
            kind = kind_of(name)
            known |= {"installed": kind.installed() or None, "summary": kind.summary, "install": kind.install}
            known |= {"source": SCORERS.load(name)[1]}
        except UserError as error:  # as in the table
            known |= {"problem": str(error)}
        found.append(known)
    emit({"scorers": found})


def _list(console: Console) -> None:
    from tts_bench.errors import UserError
    from tts_bench.scorers.kinds import SCORERS, kind_of

    listing, missing = table("kind", "here", "what it does", "from"), []
    for name in sorted(SCORERS.registered()):
        try:
            kind, source = kind_of(name), SCORERS.load(name)[1]
        except UserError as error:  # a broken plugin hides no other kind
            listing.add_row(text(name), text("broken"), text(str(error)), "")
            continue
        here = kind.installed() or "missing"
        listing.add_row(*map(text, (name, here, kind.summary, origin(source))))
        if here == "missing":
            missing.append(text(f"{name} is missing; type: {kind.install}"))
    console.print(listing)
    console.print()
    for line in missing:
        console.print(line, soft_wrap=True)  # a command broken in two cannot be copied
    console.print("Use: tts-bench run --scorer NAME=KIND:option=value   Options: tts-bench scorers KIND")
    console.print("Check one: tts-bench scorers check KIND:option=value")
