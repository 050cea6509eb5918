"""`tts-bench models`: list models with a short name, show which are downloaded, and download one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.filesize import decimal
from rich.table import Table

from tts_bench import models
from tts_bench.cli import flags
from tts_bench.cli.printing import Json, emit, output
from tts_bench.cli.quiet import quietly
from tts_bench.config import ModelConfig
from tts_bench.errors import UserError
from tts_bench.present.progress_bar import bar
from tts_bench.text import safe

if TYPE_CHECKING:
    from tts_bench.engines.tokenizer import HfTokenizer

app = typer.Typer(add_completion=False, context_settings={"help_option_names": ["-h", "--help"]})


@app.callback(invoke_without_command=True)
def listing(context: typer.Context, as_json: Json = False) -> None:
    """List the models that have a short name. Local folders, .gguf files and hub ids (org/name) also work."""
    if context.invoked_subcommand is not None:
        return
    if as_json:
        keys = ("name", "what", "licence", "caveat", "download", "size")
        found = [{key: getattr(alias, key) for key in keys} for alias in models.ALIASES.values()]
        here = [models.here(alias) for alias in models.ALIASES.values()]
        listed = [{**alias, "here": bool(there)} for alias, there in zip(found, here, strict=True)]
        emit({"models": listed, "cache": str(models.cache_folder())})
        return
    table = Table("name", "model", "download", "on disk", "here", box=SIMPLE_HEAD)
    for alias in models.ALIASES.values():
        table.add_row(
            alias.name,
            f"{alias.what}\n{alias.licence}; {alias.caveat}",
            decimal(alias.download) if alias.download else "none",
            decimal(alias.size),
            "yes" if models.here(alias) else "no",
        )
    table.columns[0].no_wrap = True
    console = output()
    console.print(table)
    console.print(f"They are stored in {safe(str(models.cache_folder()))}. To download one: tts-bench models get NAME")
    console.print("Any other model: --model FOLDER, --model FILE.gguf, or --model org/name from the hub.")


@app.command()
@quietly
def get(
    name: Annotated[str, typer.Argument(help="A short name, a .gguf file, or a hub id (org/name).", metavar="NAME")],
) -> None:
    """Download and convert a model before a run; verify it if it is already here."""
    with bar() as progress:
        found = models.resolve(name, progress=progress)
    print(f"{safe(name)} is ready in {safe(str(found.folder))}")
    print(f"from: {found.source}")
    print(f"fingerprint: {found.fingerprint}")
    for note in found.notes:
        print(f"note: {note}")


@app.command()
@flags.takes(
    flags.of(
        ModelConfig,
        *("system", "template_args", "reasoning_effort", "template_date"),
        *("thinking", "think_start", "think_end", "answer_suffix"),
    )
)
def show(
    given: dict[str, Any],
    name: Annotated[str, typer.Argument(help="Model, as for tts-bench run.", metavar="NAME")],
    problem: Annotated[str, typer.Option(help="Text of the problem.")] = "What is 6 * 7?",
) -> None:
    """Show the prompt a run would give the model, and where the model thinks and answers."""
    from tts_bench.present.prompt import lines  # loads transformers
    from tts_bench.solving.model import prepared

    config = ModelConfig(model=name, **flags.of_class(ModelConfig, given))
    tokenizer = _tokenizer(name)
    found = prepared(tokenizer, config)
    for line in lines(tokenizer, found, config, problem):
        print(safe(line))


def _tokenizer(name: str) -> HfTokenizer:
    from transformers import AutoTokenizer

    from tts_bench.engines.tokenizer import HfTokenizer

    with bar() as progress:
        folder = models.resolve(name, progress=progress).folder
    try:
        inner: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        raise UserError(
            f"no tokenizer can be loaded for {name} ({error}). Give the folder of a complete model."
        ) from error
    return HfTokenizer(inner, models.end_tokens(folder))
