"""`python -m pocket`, from a checkout: train the model that tts-bench ships, judge it, and write its tasks' data.

Exit codes as those of `tts-bench`; 1 where `gate` found an effect that does not hold.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from typer.main import get_command

from tts_bench.cli.main import exit_code
from tts_bench.engines import environment
from tts_bench.text import safe

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="The pocket model, a synthetic control: train, gate, data."
)


@app.command()
def train(
    out: Annotated[Path, typer.Option(help="Folder of the model, which must not be there yet.")],
    seed: Annotated[int, typer.Option(help="Seed of the weights and of the documents.")] = 0,
    steps: Annotated[int, typer.Option(help="Updates.")] = 2200,
    rounds: Annotated[int, typer.Option(help="Rounds of hardening against cues that an attack finds.")] = 4,
    round_steps: Annotated[int, typer.Option(help="Updates of a round.")] = 125,
    rate: Annotated[float, typer.Option(help="Learning rate.")] = 3e-3,
    batch_tokens: Annotated[int, typer.Option(help="Tokens of a batch, about.")] = 3000,
) -> None:
    """Train a pocket model from a seed, and put it at --out if it passes its gate. The same command again resumes."""
    from pocket.settings import Settings

    settings = Settings(seed, steps, rounds, round_steps, rate, batch_tokens)
    from pocket import making  # loads torch
    from pocket.gate import Sizes

    making.make(settings, out, Sizes(), _say)
    print(f"the model is in {safe(str(out))}")


@app.command()
def gate(
    model: Annotated[Path, typer.Option(help="Folder of a pocket model.")],
    oracle: Annotated[Path, typer.Option(help="File with the oracle row, which train wrote beside it.")],
    seed: Annotated[int, typer.Option(help="Seed of the sampling and of the search for a cue.")] = 0,
    quick: Annotated[
        bool, typer.Option("--quick", help="Quick check on a quarter of the problems; not conclusive.")
    ] = False,
) -> None:
    """Measure every effect that a pocket model must show; exit code 1 if one does not hold."""
    from pocket import making  # loads torch
    from pocket.gate import QUICK, Sizes

    if not all(effect.holds for effect in making.judge(model, oracle, seed, QUICK if quick else Sizes(), _say)):
        raise typer.Exit(1)


@app.command()
def card(
    model: Annotated[Path, typer.Option(help="Folder of a pocket model.")],
    other: Annotated[list[Path], typer.Option(help="Folder of another seed, installed or failed.")],
) -> None:
    """Put the gates of other seeds into a model's card, with how many of them pass."""
    from pocket import making  # loads torch

    making.tell_of_seeds(model, other)


@app.command()
def data(
    out: Annotated[Path, typer.Option(help="A data folder: TASK/SPLIT.jsonl is written in it.")],
) -> None:
    """Write the data of pocket_arithmetic and pocket_flat, as they are shipped."""
    from pocket.splits import jsonl
    from tts_bench.files import write_whole

    for name, lines in jsonl().items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        write_whole(out / name, lines)
        print(safe(str(out / name)))


def _say(line: str) -> None:
    print(safe(line), file=sys.stderr, flush=True)


if __name__ == "__main__":
    environment.prepare()  # must stand before torch is imported
    sys.exit(exit_code(get_command(app), "python -m pocket", sys.argv[1:]))
