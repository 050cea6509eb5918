"""`tts-bench export`."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tts_bench.cli.quiet import Quiet
from tts_bench.cli.written import check_new_folder, check_out, told_of, write
from tts_bench.errors import UserError
from tts_bench.files import part_of, write_whole
from tts_bench.text import counted, safe


class Kind(StrEnum):
    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"
    LATEX = "latex"
    INSPECT = "inspect"
    LM_EVAL = "lm-eval"


_FOLDERS = (Kind.INSPECT, Kind.LM_EVAL)


def export(
    runs: Annotated[list[Path] | None, typer.Argument(help="Run folders.")] = None,
    to: Annotated[
        Kind,
        typer.Option(
            "--to", help="Format: one row per answer; per rung, latex: a row, inspect: a log, lm-eval: a folder."
        ),
    ] = Kind.CSV,
    out: Annotated[
        Path | None,
        typer.Option(help="File to write; for inspect and lm-eval, a new folder.", show_default="standard output"),
    ] = None,
    codebook: Annotated[bool, typer.Option("--codebook", help="Write only the meaning of the columns.")] = False,
    quiet: Quiet = False,
) -> None:
    """Write the answers of runs as a table: scores, costs and flags of each problem, strategy and rung."""
    from tts_bench.analysis.rows import CODEBOOK
    from tts_bench.present import exported

    if quiet and out is None:
        raise UserError("--quiet would hide the output itself. Add --out FILE, or remove --quiet.")
    if out is not None and (codebook or to not in _FOLDERS):
        check_out(out)
    if codebook:
        _put("".join(f"{name}: {meaning}\n" for name, meaning in CODEBOOK.items()).encode(), out, quiet=quiet)
        return
    if not runs:
        raise UserError("export takes run folders, such as: tts-bench export runs/demo --out demo.csv")
    if to is Kind.PARQUET and out is None:
        raise UserError("--to parquet writes a binary file. Add --out FILE.")
    if to in _FOLDERS:
        said = _write_folder(runs, to, out)
        if not quiet:
            print(said)
        return
    _put(exported.data(runs, to.value), out, quiet=quiet)


def _put(data: bytes, out: Path | None, *, quiet: bool) -> None:
    if out is None:
        sys.stdout.buffer.write(data)
        return
    write(out, data)
    if not quiet:
        print(f"Written to {safe(str(out))}")


def _write_folder(runs: Sequence[Path], to: Kind, out: Path | None) -> str:
    from tts_bench.present import inspect_logs, lm_eval_files

    if out is None or os.path.lexists(out):
        there = "is there already" if out else "is missing"
        raise UserError(f"--to {to.value} writes a folder, but --out {there}. Give a new folder.")
    if len(runs) > 1:
        raise UserError(f"--to {to.value} takes one run at a time; {len(runs)} were given.")
    check_new_folder(out)
    files = inspect_logs.logs(runs[0]) if to is Kind.INSPECT else lm_eval_files.files(runs[0])
    part = part_of(out)
    count = 0
    try:
        for name, data in files:
            count += 1
            with told_of(out):
                (part / name).parent.mkdir(parents=True, exist_ok=True)
                write_whole(part / name, data)
        with told_of(out):
            os.rename(part, out)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return f"Written to {safe(str(out))}: {counted(count, 'log' if to is Kind.INSPECT else 'file')}"
