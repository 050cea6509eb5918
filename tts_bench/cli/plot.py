"""`tts-bench plot`."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tts_bench.analysis.compute import AXES, axis_of
from tts_bench.errors import UserError
from tts_bench.text import safe

if TYPE_CHECKING:
    from tts_bench.analysis.curve import Point


def plot(
    runs: Annotated[list[Path], typer.Argument(help="Run folders; runs that differ only in the seed are pooled.")],
    out: Annotated[Path, typer.Option(help="File to write: .svg, .png or .pdf.")],
    x: Annotated[str, typer.Option("--x", help=f"Compute axis: {', '.join([*AXES, 'seconds'])}.")] = "tokens",
    title: Annotated[str | None, typer.Option(help="Figure title.", show_default="the model name")] = None,
    allow_different: Annotated[
        bool,
        typer.Option(
            "--allow-different",
            help="Allow runs with different data, prompts, models, thinking formats or strategy versions.",
        ),
    ] = False,
) -> None:
    """Plot accuracy against compute: one panel per task and, with several tasks, also one figure per task."""
    from rich.console import Console

    from tts_bench.analysis.curve import by_line, heading
    from tts_bench.analysis.series import curve_of, series_of, so_far
    from tts_bench.present import plot as pictures
    from tts_bench.present.drawing import drawing
    from tts_bench.runs.unfinished import read as read_any

    _check(out, pictures.KINDS)
    read = [read_any(folder) for folder in runs]
    series, differences = series_of(read, allow_different=allow_different)
    axis = axis_of(x, read[0].header)
    if x == "seconds" and len(read) > 1:
        raise UserError("--x seconds takes a single run: times from different batches or hardware are not comparable.")
    curve = curve_of(series)
    models = dict.fromkeys(str(run.header.get("model", {}).get("name", "")) for run in read)
    title = ", ".join([*models, *filter(None, map(so_far, read))]) if title is None else title
    tasks = by_line(curve)
    files = _files(out, curve, tasks)
    console = Console(highlight=False, markup=False, emoji=False, force_terminal=sys.stdout.isatty())
    for path, points in files.items():
        try:
            pictures.write_figure(points, path, title=title, axis=axis)
        except PermissionError as error:
            raise UserError(f"--out {out} cannot be written: {error.strerror}. Give another file.") from error
    for task, lines in tasks.items():
        console.print(safe(heading(task, lines)))
        ascii_only = not console.encoding.lower().startswith("utf")
        console.print(drawing(lines, max(40, min(console.width, 100)), ascii_only=ascii_only, axis=axis))
    for said in differences:
        console.print(safe(said))
    console.print(f"Written: {', '.join(safe(str(path)) for path in files)}", soft_wrap=True)


def _check(out: Path, kinds: Collection[str]) -> None:
    kind = out.suffix.removeprefix(".").lower()
    if kind not in kinds:
        raise UserError(f"--out {out} ends in {out.suffix!r}; it takes {', '.join(f'.{known}' for known in kinds)}.")
    if not out.absolute().parent.is_dir() or out.is_dir():
        raise UserError(
            f"--out {out} cannot be written: it takes a file in a folder that exists. Make the folder {out.parent}, or "
            f"give another --out."
        )


def _files(out: Path, curve: list[Point], tasks: Mapping[str, Mapping[str, list[Point]]]) -> dict[Path, list[Point]]:
    """What is drawn into each file: everything, and of several tasks each by itself."""
    files = {out: curve}
    if len(tasks) > 1:
        for task, lines in tasks.items():
            name = re.sub(r"[^\w.+-]", "_", task)
            files[out.with_name(f"{out.stem}-{name}{out.suffix}")] = [
                point for line in lines.values() for point in line
            ]
    return files
