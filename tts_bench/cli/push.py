"""`tts-bench push`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tts_bench.cli.quiet import Quiet
from tts_bench.errors import UserError
from tts_bench.text import safe


def push(
    folder: Annotated[Path, typer.Argument(help="Folder of a finished run, a learned token or a leaderboard.")],
    to: Annotated[str, typer.Option("--to", help="Repository, USER/NAME; it is created if it does not exist.")],
    private: Annotated[bool, typer.Option("--private", help="Create it as a private repository.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list the files.")] = False,
    quiet: Quiet = False,
) -> None:
    """Upload a run, a learned token or a leaderboard to the Hugging Face Hub, in one commit.

    A run or leaderboard becomes a data set; a token becomes a model, for --strategy learned-token:token=USER/NAME.
    Stores, imported outputs and records that quote them are not pushed. Log in with `hf auth login`, or set HF_TOKEN.
    """
    from tts_bench.present import hub

    if quiet and dry_run:
        raise UserError("--dry-run prints the names of the files. Remove --quiet.")
    parcel = hub.parcel(folder)
    if dry_run:
        hub.check_repository(parcel, to)
        for name in parcel.names:
            print(safe(name))
        return
    where = hub.push(parcel, to, private=private)
    if not quiet:
        print(f"Pushed {len(parcel.names)} files to {safe(where)}")
