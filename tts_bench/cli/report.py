"""`tts-bench report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tts_bench.present.report.texts import Kept


def report(
    runs: Annotated[list[Path], typer.Argument(help="Folders of finished runs.", show_default=False)],
    out: Annotated[
        Path | None, typer.Option(help="HTML file to write.", show_default="report.html in the first run's folder")
    ] = None,
    texts: Annotated[Kept, typer.Option(help="Which traces to include: errors, flips (and errors), or all.")] = "all",
    max_mb: Annotated[float, typer.Option(help="Maximum size in MB; traces beyond it are omitted.")] = 30.0,
) -> None:
    """Write one offline HTML file with curves, tables and every trace."""
    from tts_bench.analysis.runs import read_header
    from tts_bench.errors import UserError
    from tts_bench.files import FULL, write_whole
    from tts_bench.present.report.page import check_target, page
    from tts_bench.present.report.payload import EMPTY, build
    from tts_bench.text import safe

    for folder in runs:
        read_header(folder)  # before the target is looked for in a folder that there is not
    target = out or runs[0] / "report.html"
    check_target(target)
    if not max_mb > 0:
        raise UserError(f"--max-mb is {max_mb:g}; it takes a number above 0.")
    payload = build(runs, texts=texts, room=round(max_mb * 1e6) - len(page(EMPTY)))
    data = page(payload).encode()
    try:
        write_whole(target, data)
    except OSError as error:
        if error.errno in FULL:
            raise
        raise UserError(f"--out {target} cannot be written: {error.strerror}. Give another --out.") from error
    print(f"Written to {safe(str(target))}: {payload.traces:,} traces, {len(data) / 1e6:.1f} MB.")
    if payload.note:
        print(payload.note)
