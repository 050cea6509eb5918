"""`tts-bench plot`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tts_bench.analysis.compute import AXES, axis_of
from tts_bench.cli.printing import output
from tts_bench.cli.quiet import quietly
from tts_bench.cli.written import check_out, told_of, write
from tts_bench.errors import UserError, did_you_mean
from tts_bench.options import number
from tts_bench.text import only_ascii, safe

if TYPE_CHECKING:
    from tts_bench.analysis.curve import Point
    from tts_bench.present.look import Look

_TEX = "tex"


@quietly
def plot(
    runs: Annotated[list[Path], typer.Argument(help="Run folders; runs that differ only in the seed are pooled.")],
    out: Annotated[Path, typer.Option(help="File to write: .svg, .png, .pdf, or .tex for LaTeX with pgfplots.")],
    x: Annotated[str, typer.Option("--x", help=f"Compute axis: {', '.join([*AXES, 'seconds'])}.")] = "tokens",
    metric: Annotated[
        str | None, typer.Option(help="Metric to plot, such as lenient.", show_default="that of the task")
    ] = None,
    linear: Annotated[bool, typer.Option("--linear", help="Plot compute on a linear axis.")] = False,
    size: Annotated[
        str | None, typer.Option(help="Width and height in inches, such as 3.3x2.4.", show_default="set by the panels")
    ] = None,
    label: Annotated[
        list[str] | None, typer.Option(help="STRATEGY=TEXT: label of a strategy in the figure; repeatable.")
    ] = None,
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

    from tts_bench.analysis.curve import by_line, heading
    from tts_bench.analysis.series import curve_of, series_of, so_far
    from tts_bench.present.drawing import drawing
    from tts_bench.present.look import Look
    from tts_bench.present.plot import KINDS, checked
    from tts_bench.runs.unfinished import read as read_any

    checked(out, (*KINDS, _TEX), "--out")
    check_out(out)
    inches = None if size is None else _inches(size)
    read = [read_any(folder, metric) for folder in runs]
    series, differences = series_of(read, allow_different=allow_different)
    axis = axis_of(x, read[0].header)
    if x == "seconds" and len(read) > 1:
        raise UserError("--x seconds takes a single run: times from different batches or hardware are not comparable.")
    curve = _called(curve_of(series), label or [])
    models = dict.fromkeys(str(run.header.get("model", {}).get("name", "")) for run in read)
    title = ", ".join([*models, *filter(None, map(so_far, read))]) if title is None else title
    tasks = by_line(curve)
    files, look = _files(out, curve, tasks), Look(title, axis, linear, inches)
    console = output()
    notes = [*differences, *_write(files, look)]
    for task, lines in tasks.items():
        console.print(safe(heading(task, lines)))
        ascii_only = only_ascii(console.encoding)
        console.print(drawing(lines, max(40, min(console.width, 100)), ascii_only=ascii_only, axis=axis))
    for said in notes:
        console.print(safe(said))
    console.print(f"Written: {', '.join(safe(str(path)) for path in files)}", soft_wrap=True)


def _write(files: Mapping[Path, list[Point]], look: Look) -> list[str]:
    """Returns what to say of the files."""
    from tts_bench.present.pgfplots import tex
    from tts_bench.present.plot import write_figure

    said = []
    for path, points in files.items():
        if path.suffix.lower() == f".{_TEX}":
            write(path, tex(points, look).encode())
            continue
        with told_of(path):
            said.append(write_figure(points, path, look))
    return [text for text in dict.fromkeys(said) if text]


def _inches(size: str) -> tuple[float, float]:
    """Width and height."""
    from tts_bench.present.look import SIZES, inches

    try:
        return inches(list(map(number, size.lower().split("x"))))
    except ValueError as error:
        raise UserError(f"--size is {size!r}; it takes WIDTHxHEIGHT {SIZES} 3.3x2.4.") from error


def _called(curve: list[Point], labels: Sequence[str]) -> list[Point]:
    """`curve` with strategies renamed by `labels`."""
    names = dict.fromkeys(point.strategy for point in curve)
    new: dict[str, str] = {name: name for name in names}
    for said in labels:
        # A name may hold "=" itself: budget-forcing:cue=Wait
        name = max((name for name in names if said.startswith(f"{name}=")), key=len, default=None)
        if name is None:
            known = did_you_mean(said.rpartition("=")[0] or said, names)
            raise UserError(f"--label {said!r} names no strategy of the runs; it takes STRATEGY=TEXT. {known}")
        new[name] = said.removeprefix(f"{name}=")
        if not new[name].strip():
            raise UserError(f"--label {said!r} gives an empty label. Type one after the '=', or remove the option.")
    if len(set(new.values())) < len(new):
        raise UserError("--label gives two strategies the same label. Give each its own.")
    return [replace(point, strategy=new[point.strategy]) for point in curve]


def _files(out: Path, curve: list[Point], tasks: Mapping[str, Mapping[str, list[Point]]]) -> dict[Path, list[Point]]:
    """What each file shows: everything and, with several tasks, each task by itself."""
    files = {out: curve}
    if len(tasks) > 1:
        for task, lines in tasks.items():
            name = re.sub(r"[^\w.+-]", "_", task)
            files[out.with_name(f"{out.stem}-{name}{out.suffix}")] = [
                point for line in lines.values() for point in line
            ]
    return files
