"""`tts-bench engines`: which there are, what is missing, what each can do; whether one keeps the contract."""

from __future__ import annotations

import asyncio
from dataclasses import fields
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from tts_bench.cli.verdicts import show, text
from tts_bench.plugins import origin

app = typer.Typer(help="Engines: list them, and check one.")


@app.callback(invoke_without_command=True)
def engines(context: typer.Context) -> None:
    """List the engines: whether each is there or what to type, and what it can do at most."""
    if context.invoked_subcommand is None:
        _list(Console())


@app.command()
def check(
    name: Annotated[str, typer.Argument(help="An engine of the list.")],
    model: Annotated[
        str | None, typer.Option(help="As for tts-bench run.", show_default="the engine's default")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")] = "auto",
    dtype: Annotated[str, typer.Option(help="auto, float32, bfloat16 or float16.")] = "auto",
    rows: Annotated[int | None, typer.Option(help="Sequences decoded together.")] = None,
    threads: Annotated[int | None, typer.Option(help="Threads of the processor, for each worker.")] = None,
    workers: Annotated[int | None, typer.Option(help="Engines, each in a process or actor of its own.")] = None,
    ray: Annotated[str | None, typer.Option(help="Ray cluster: auto, HOST:PORT, or local.")] = None,
    exact: Annotated[bool, typer.Option(help="Prove at start that batches do not change text.")] = True,
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Run code that comes with the model.")
    ] = False,
    base_url: Annotated[str | None, typer.Option(help="URL of an endpoint, up to /v1.")] = None,
    tokenizer: Annotated[
        str | None,
        typer.Option(
            help="Folder or hub id of the tokenizer of an endpoint's model.", show_default="found by the model's name"
        ),
    ] = None,
    request_timeout: Annotated[float, typer.Option(help="Seconds for one reply of an endpoint.")] = 600.0,
    vllm: Annotated[str, typer.Option(help="key=value,... of vLLM's own options.")] = "",
) -> None:
    """Try out with a model whether an engine keeps what the harness relies on; if not, exit code 2.

    What an engine does not declare is not applicable. A small model takes seconds to minutes.
    """
    given = {**locals(), "engine": name}
    from tts_bench.harness.config import ENGINE_OPTIONS, ModelConfig
    from tts_bench.harness.engines import load
    from tts_bench.testing import ENGINE_CLAIMS, engine_results

    chosen = {"engine", "model", *ENGINE_OPTIONS}
    values = {field.name: given[field.name] for field in fields(ModelConfig) if field.name in chosen}
    engine = load(ModelConfig(**values, top_k=0, min_p=0.0)).engine  # trials are sampled plainly, whatever a model says
    try:
        sound = show(engine_results(engine), ENGINE_CLAIMS, len("not applicable"))
    finally:
        asyncio.run(engine.close())
    if not sound:
        raise typer.Exit(2)


def _list(console: Console) -> None:
    from tts_bench.harness.engines import listed

    table, missing = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0)), []
    for title in ("engine", "here", "what it does", "what it can do at most", "from"):
        table.add_column(title, overflow="fold")
    for engine in listed():
        if engine.kind is None:  # a broken plugin hides no other engine
            table.add_row(text(engine.name), text("broken"), text(engine.problem), "", "")
            continue
        here = engine.kind.installed() or "missing"
        row = (engine.name, here, engine.kind.summary, engine.kind.can, origin(engine.source))
        table.add_row(*map(text, row))
        if here == "missing":
            missing.append(text(f"{engine.name} is missing; type: {engine.kind.install}"))
    console.print(table)
    console.print()
    for line in missing:
        console.print(line, soft_wrap=True)  # a command broken in two cannot be copied
    console.print("Use: tts-bench run --engine NAME   Try one: tts-bench engines check NAME --model MODEL")
