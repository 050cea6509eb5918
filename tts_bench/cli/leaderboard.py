"""`tts-bench leaderboard`: add finished runs, build the pages, check that all of it is as it was made."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from tts_bench.cli.quiet import quietly
from tts_bench.text import safe

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Add runs to the leaderboard, build its pages, and check them."
)

_Folder = Annotated[Path, typer.Option(help="Leaderboard folder.")]
_FOLDER = Path("leaderboard")


@app.command()
@quietly
def add(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run without errors.", show_default=False)],
    folder: _Folder = _FOLDER,
) -> None:
    """Add an entry for a finished run. Incomplete, mixed and modified runs are refused."""
    from tts_bench.cli.main import parses
    from tts_bench.present.leaderboard.board import Board

    path = Board(folder, parses).add(run)
    print(f"Written to {safe(str(path))}. Now type: tts-bench leaderboard build")


@app.command()
@quietly
def build(folder: _Folder = _FOLDER) -> None:
    """Write README.md, index.html, the curves and the schema from the entries."""
    from tts_bench.cli.main import parses
    from tts_bench.present.leaderboard.board import Board

    print(f"Written: {', '.join(safe(str(path)) for path in Board(folder, parses).build())}")


@app.command()
def check(
    runs: Annotated[
        list[Path] | None,
        typer.Argument(help="Run folders whose entries to recompute from their records.", show_default=False),
    ] = None,
    folder: _Folder = _FOLDER,
) -> None:
    """Recompute every entry and page; exit code 2 if any was edited or is stale."""
    from tts_bench.cli.main import parses
    from tts_bench.present.leaderboard.board import Board

    entries, findings = Board(folder, parses).check(runs or [])
    for finding in findings:
        print(safe(str(finding)), file=sys.stderr)
    if findings:
        print("`leaderboard build` rewrites pages; an entry that was changed has to be added again.", file=sys.stderr)
        raise typer.Exit(2)
    print(f"{entries} {'entry' if entries == 1 else 'entries'} checked: all entries and pages are unchanged.")
