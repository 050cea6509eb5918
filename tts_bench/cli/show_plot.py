"""What `tts-bench plot` does: runs read, their curves drawn into files and in the terminal."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from tts_bench.analysis.arms import arms_of
from tts_bench.analysis.compute import axis_of
from tts_bench.analysis.curve import by_line, heading
from tts_bench.analysis.drawing import drawing
from tts_bench.analysis.lines import curve_of
from tts_bench.analysis.plot import KINDS, write_figure
from tts_bench.analysis.runs import read_run
from tts_bench.errors import UserError
from tts_bench.text import safe


def plot_and_show(runs: Sequence[Path], out: Path, x: str, title: str | None, allow: bool) -> None:
    """Write the figures and draw the same curves in the terminal.

    Raises:
        UserError: whatever is wrong with the runs or the options; nothing is written.
    """
    kind = out.suffix.removeprefix(".").lower()
    if kind not in KINDS:
        raise UserError(f"--out {out} ends in {out.suffix!r}; it takes {', '.join(f'.{known}' for known in KINDS)}.")
    if not out.absolute().parent.is_dir() or out.is_dir():
        raise UserError(
            f"--out {out} cannot be written: it takes a file in a folder that exists. Make the folder {out.parent}, or "
            f"give another --out."
        )
    read = [read_run(folder) for folder in runs]
    arms, differences = arms_of(read, allow_different=allow)
    axis = axis_of(x, read[0].header)
    if x == "seconds" and len(read) > 1:
        raise UserError("--x seconds takes one run: seconds of several are of other batches or hardware.")
    curve = curve_of(arms)
    models = dict.fromkeys(str(run.header.get("model", {}).get("name", "")) for run in read)
    title = ", ".join(models) if title is None else title
    tasks = by_line(curve)
    files = {out: curve}
    if len(tasks) > 1:
        for task, lines in tasks.items():
            name = re.sub(r"[^\w.+-]", "_", task)
            files[out.with_name(f"{out.stem}-{name}{out.suffix}")] = [
                point for line in lines.values() for point in line
            ]
    console = Console(highlight=False, markup=False, emoji=False, force_terminal=sys.stdout.isatty())
    for path, points in files.items():
        try:
            write_figure(points, path, title=title, axis=axis)
        except PermissionError as error:
            raise UserError(f"--out {out} cannot be written: {error.strerror}. Give another file.") from error
    for task, lines in tasks.items():
        console.print(safe(heading(task, lines)))
        ascii_only = not console.encoding.lower().startswith("utf")
        console.print(drawing(lines, max(40, min(console.width, 100)), ascii_only=ascii_only, axis=axis))
    for said in differences:
        console.print(safe(said))
    console.print(f"Written: {', '.join(safe(str(path)) for path in files)}", soft_wrap=True)
