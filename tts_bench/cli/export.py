"""`tts-bench export`."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tts_bench.errors import UserError


class Kind(StrEnum):
    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"
    LATEX = "latex"


def export(
    runs: Annotated[list[Path] | None, typer.Argument(help="Run folders.")] = None,
    to: Annotated[Kind, typer.Option("--to", help="Format: a row per answer, or of latex a row per rung.")] = Kind.CSV,
    out: Annotated[Path | None, typer.Option(help="File to write.", show_default="standard output")] = None,
    codebook: Annotated[
        bool, typer.Option("--codebook", help="Print what the columns mean, and nothing else.")
    ] = False,
) -> None:
    """Write the answers of runs as a table: scores, costs and flags of each problem, strategy and rung."""
    from tts_bench.analysis.rows import CODEBOOK
    from tts_bench.present import exported

    if codebook:
        for name, meaning in CODEBOOK.items():
            print(f"{name}: {meaning}")
        return
    if not runs:
        raise UserError("export takes run folders, such as: tts-bench export runs/demo --out demo.csv")
    if to is Kind.PARQUET and out is None:
        raise UserError("--to parquet writes a binary file. Add --out FILE.")
    data = exported.data(runs, to.value)
    if out is None:
        sys.stdout.buffer.write(data)
        return
    from tts_bench.files import write_whole

    try:
        write_whole(out, data)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError) as error:
        raise UserError(f"--out {out} cannot be written: {error.strerror}. Give another file.") from error
    print(f"Written to {out}")
