"""`tts-bench token`: show a token file, export a checkpoint with the token, or create an initial row."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tts_bench.cli.printing import output
from tts_bench.cli.quiet import quietly
from tts_bench.text import safe

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Show, export or create token files.")


@app.command()
def show(path: Annotated[str, typer.Argument(help="Token folder, or hub id (org/name).")]) -> None:
    """Show what a token is, how it was trained, and its evaluation."""

    from tts_bench.tokens import find, tokenfile

    folder = find.folder(path)
    card, token = tokenfile.load_card(folder), tokenfile.load(folder)
    norm = sum(value * value for value in token.row) ** 0.5
    console = output()
    for head, text in (
        ("token", f"{card.name}, {card.hidden_size} numbers, norm {norm:.4g}, sha256 {card.digest[:16]}"),
        ("model", f"{card.model} (sha256 {card.fingerprint[:16]})"),
        ("from", card.init),
        ("licence", card.licence),
        *_training(card.training),
    ):
        console.print(safe(f"{head:<9} {text}"), soft_wrap=True)


def _training(facts: dict[str, object]) -> list[tuple[str, str]]:
    skipped = ("curve", "evaluation")
    lines = [(key, str(value)) for key, value in facts.items() if key not in skipped and value is not None]
    found = facts.get("evaluation")
    if isinstance(found, dict):
        lines.append(
            ("tested on", f"{found['problems']} problems of {found['task']}: {found['baseline']:.1%} without it")
        )
        for rung in found["rungs"]:
            gain = rung["over_none"]
            interval = f"{100 * gain['low']:z.1f} to {100 * gain['high']:z.1f}"
            points = f"{100 * gain['mean']:+z.1f} points ({interval}), {rung['tokens']:.0f} tokens"
            lines.append((rung["name"], f"{rung['accuracy']:.1%}, {points}"))
    return lines


@app.command()
@quietly
def export(
    path: Annotated[str, typer.Argument(help="Token folder, or hub id (org/name).")],
    out: Annotated[Path, typer.Option(help="Folder for the checkpoint.")],
    to: Annotated[
        str, typer.Option(help="checkpoint: the whole model with the token in its vocabulary.")
    ] = "checkpoint",
    model: Annotated[str | None, typer.Option(help="Base model.", show_default="the one on the card")] = None,
) -> None:
    """Write the model with the token in its vocabulary, for transformers and servers that load such checkpoints."""
    from tts_bench.errors import UserError
    from tts_bench.tokens import find, tokenfile

    if to != "checkpoint":
        raise UserError(f"--to {to} is not supported. Type --to checkpoint.")
    folder = find.folder(path)
    tokenfile.check_free(out)
    tokenfile.load_card(folder)
    from tts_bench.learning.export import to_checkpoint

    place = to_checkpoint(folder, out, model)
    name = tokenfile.load_card(folder).name
    print(f"{safe(str(out))}: {safe(name)} is token {place}; it is never sampled (suppress_tokens), only inserted.")
    print(f"Try it: tts-bench run --model {safe(str(out))} --strategy 'budget-forcing:cue={safe(name)}'")


@app.command()
@quietly
def init(
    model: Annotated[str, typer.Option(help="Folder, GGUF file, hub id or alias.")],
    out: Annotated[Path, typer.Option(help="Folder for the token.")],
    start: Annotated[str, typer.Option("--from", help="Text whose embedding becomes the row.")] = "Wait",
    name: Annotated[str, typer.Option(help="Name of the token.")] = "<|continue-thinking|>",
) -> None:
    """Write an untrained token: the embedding of a text, or the mean over its tokens if it has several."""
    from tts_bench import models
    from tts_bench.tokens import tokenfile

    tokenfile.check_free(out)
    models.examine(model)
    from tts_bench.learning.start import untrained
    from tts_bench.present.progress_bar import bar

    with bar() as progress:
        untrained(models.resolve(model, progress=progress), out, start, name)
    print(f"Written to {safe(str(out))}. Try it: --strategy learned-token:token={safe(str(out))}")
