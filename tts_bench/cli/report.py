"""`tts-bench report`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from tts_bench.cli.quiet import quietly
from tts_bench.cli.written import check_megabytes, check_out, write
from tts_bench.errors import UserError
from tts_bench.present.report.texts import Kept


@quietly
def report(
    runs: Annotated[list[Path], typer.Argument(help="Run folders.", show_default=False)],
    out: Annotated[
        Path | None, typer.Option(help="HTML file to write.", show_default="report.html in the first run's folder")
    ] = None,
    texts: Annotated[
        Kept, typer.Option(help="Which traces to include: none, errors, flips (and errors), or all.")
    ] = "all",
    max_mb: Annotated[float, typer.Option(help="Maximum size in MB; traces beyond it are omitted.")] = 30.0,
    reload: Annotated[
        int | None,
        typer.Option(help="During a run, rewrite the file every N seconds; an open page reloads itself."),
    ] = None,
) -> None:
    """Write one offline HTML file with curves, tables and every trace.

    For an unfinished run, it covers the problems that all strategies have finished.
    """
    from tts_bench.present.report.page import check_target
    from tts_bench.runs.unfinished import opened

    for folder in runs:
        opened(folder)  # before the target is looked for in a folder that there is not
    target = out or runs[0] / "report.html"
    check_target(target)
    check_out(target)
    check_megabytes(max_mb)
    if reload is not None and not 1 <= reload <= 86400:
        raise UserError(f"--reload is {reload}; it takes 1 to 86400 seconds.")
    while reload is not None and _going_on(runs):
        _write(runs, target, texts, max_mb, reload)
        time.sleep(reload)
    _write(runs, target, texts, max_mb, None)


def _going_on(runs: Sequence[Path]) -> bool:
    """Whether one of the runs is in progress."""
    from tts_bench.analysis.runs import read_header
    from tts_bench.files import is_held

    return any(read_header(folder, unfinished=True)["status"] != "finished" and is_held(folder) for folder in runs)


def _write(runs: Sequence[Path], target: Path, texts: Kept, max_mb: float, reload: int | None) -> None:
    from tts_bench.present.report.page import page
    from tts_bench.present.report.payload import EMPTY, build
    from tts_bench.text import safe

    payload = build(runs, texts=texts, room=round(max_mb * 1e6) - len(page(EMPTY, reload)))
    data = page(payload, reload).encode()
    write(target, data)
    print(f"Written to {safe(str(target))}: {payload.traces:,} traces, {len(data) / 1e6:.1f} MB.", flush=True)
    if payload.note:
        print(payload.note)
