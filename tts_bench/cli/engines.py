"""`tts-bench engines`: list engines and what they support, and check one."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import typer
from rich.console import Console

from tts_bench.cli import flags
from tts_bench.cli.naming import NameOrCommand
from tts_bench.cli.printing import Json, emit, output, show_kind
from tts_bench.config import ModelConfig
from tts_bench.errors import UserError
from tts_bench.plugins import origin
from tts_bench.present.lists import show_verdicts, table, text

app = typer.Typer(cls=NameOrCommand, help="List engines, show one, or check one.")


@app.callback(invoke_without_command=True)
def engines(context: typer.Context, as_json: Json = False) -> None:
    """List the engines: whether each is installed, how to install it, and what it supports. With a name, show one."""
    if context.invoked_subcommand is not None:
        return
    if as_json:
        _emit()
    else:
        _list(output())


@app.command()
def show(name: Annotated[str, typer.Argument(help="Name of an engine.")], as_json: Json = False) -> None:
    """Show what an engine does and its options, for --engine NAME:option=value."""
    from tts_bench.engines.kinds import ENGINES, kind_of

    kind = kind_of(name)
    show_kind(name, kind.summary, kind.options, ENGINES.load(name)[1], as_json=as_json)


@app.command()
@flags.takes(flags.of_engines())
def check(
    given: dict[str, Any],
    engine: Annotated[str, typer.Argument(help="Name of an engine, optionally with :option=value,...")],
    model: Annotated[
        str | None, typer.Option(help="Model, as for tts-bench run.", show_default="the engine's default")
    ] = None,
) -> None:
    """Check with a model that an engine keeps its contract with the harness; exit code 2 if not.

    Claims about capabilities that the engine does not declare are skipped. A small model takes seconds to minutes.
    """
    from tts_bench.engines import kinds
    from tts_bench.testing import ENGINE_CLAIMS, engine_results

    spec = kinds.chosen(engine, flags.texts_of_engine(given)).spec
    config = ModelConfig(model, spec, top_k=0, min_p=0.0)  # trials are sampled plainly, whatever a model says
    ready = kinds.load(config, kinds.check(config)).engine
    if ready.info.recorded:
        raise UserError(f"engine {ready.info.name!r} generates nothing, so there is nothing to check.")
    try:
        sound = show_verdicts(engine_results(ready), ENGINE_CLAIMS, len("not applicable"))
    finally:
        asyncio.run(ready.close())
    if not sound:
        raise typer.Exit(2)


def _emit() -> None:
    from tts_bench.engines.kinds import listed

    found: list[dict[str, Any]] = []
    for engine in listed():
        known = {"name": engine.name, "installed": None, "problem": engine.problem or None, "source": engine.source}
        if engine.kind is not None:
            here, can = engine.kind.installed() or None, engine.kind.can
            known |= {"installed": here, "summary": engine.kind.summary, "can": can, "install": engine.kind.install}
        found.append(known)
    emit({"engines": found})


def _list(console: Console) -> None:
    from tts_bench.engines.kinds import listed

    listing, missing = table("engine", "here", "what it does", "what it can do at most", "from"), []
    for engine in listed():
        if engine.kind is None:  # a broken plugin hides no other engine
            listing.add_row(text(engine.name), text("broken"), text(engine.problem), "", "")
            continue
        here = engine.kind.installed() or "missing"
        row = (engine.name, here, engine.kind.summary, engine.kind.can, origin(engine.source))
        listing.add_row(*map(text, row))
        if here == "missing":
            missing.append(text(f"{engine.name} is missing; type: {engine.kind.install}"))
    console.print(listing)
    console.print()
    for line in missing:
        console.print(line, soft_wrap=True)  # a command broken in two cannot be copied
    console.print("Use: tts-bench run --engine NAME:option=value   Options: tts-bench engines NAME")
    console.print("Check one: tts-bench engines check NAME --model MODEL")
