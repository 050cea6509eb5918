"""What `tts-bench compare` prints: a paragraph, the table of differences, and a profile of each strategy."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tts_bench.analysis import words
from tts_bench.analysis.arms import arms_of
from tts_bench.analysis.compare import Comparison, compare
from tts_bench.analysis.compute import axis_of
from tts_bench.analysis.matched import pareto
from tts_bench.analysis.profile import profile
from tts_bench.analysis.runs import Line, read_run
from tts_bench.errors import UserError
from tts_bench.files import write_whole
from tts_bench.text import safe

_FEWEST, _MOST = 1000, 1_000_000


def compare_and_show(
    runs: Sequence[Path], x: str, baseline: str | None, resamples: int, seed: int, allow: bool, out: Path | None
) -> None:
    """Read, compare, print; with `out`, write the result as JSON.

    Raises:
        UserError: whatever is wrong with the runs or the options; nothing is written.
    """
    if not _FEWEST <= resamples <= _MOST:
        raise UserError(f"--resamples is {resamples}; it takes {_FEWEST} to {_MOST}.")
    if seed < 0:
        raise UserError(f"--seed is {seed}; it takes a whole number from 0 upwards.")
    if x == "seconds":
        raise UserError("--x seconds is no ground for a comparison: it has the machine's load in it. Take flops.")
    axis = axis_of(x, {})
    arms, differences = arms_of([read_run(folder) for folder in runs], allow_different=allow)
    result = compare(arms, axis=axis, baseline=baseline, resamples=resamples, seed=seed)
    result.notes.extend(differences)
    text = words.paragraph(result)
    if out:
        _write(out, text, result)
    console = Console(highlight=False, markup=False, emoji=False, force_terminal=sys.stdout.isatty())
    ascii_only = not console.encoding.lower().startswith("utf")
    console.print(Text(safe(text, ascii_only=ascii_only)))
    for task in dict.fromkeys(statement.task for statement in result.statements):
        stated = [statement for statement in result.statements if statement.task == task]
        lines = {arm.name: arm.lines[task] for arm in arms if task in arm.lines}
        title = f"{task}, {stated[0].problems:,} problems"
        console.print(_table(title, words.COLUMNS, words.rows(stated), ascii_only))
        console.print(_table(f"{task}, in itself", _PROFILE, _profiles(lines, result), ascii_only))
    console.print(Text(_LEGEND))


def _write(out: Path, text: str, result: Comparison) -> None:
    data = {**asdict(result), "axis": result.axis.name, "schema": 1, "text": text}
    try:
        write_whole(out, (json.dumps(data, ensure_ascii=False, indent=1, allow_nan=False) + "\n").encode())
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError) as error:
        raise UserError(f"--out {out} cannot be written: {error.strerror}. Give another file.") from error


_LEGEND = (
    "points: left less right; Holm: p corrected for all differences; +/-: problems on which the left is better/worse; "
    "found: the difference found in 80 of 100 such runs. * on the Pareto front of last rungs; slope: points per "
    "doubling of compute, /1000: per 1,000 of it, down: while thinking is cut, up: by cues; w>r: wrong at the first "
    "rung, right at the last; trunc, no ans: at the last rung; cues: put in of those asked for."
)
_PROFILE = ("strategy", "best", "slope", "/1000", "down", "up", "w>r", "r>w", "trunc", "no ans", "cues")


def _profiles(lines: Mapping[str, Line], result: Comparison) -> list[list[str]]:
    ends = [(float(line.compute(result.axis).mean(0)[-1]), float(line.expected.mean(0)[-1])) for line in lines.values()]
    front = pareto(ends)
    rows = []
    for place, (name, line) in enumerate(lines.items()):
        p = profile(line, result.axis)
        slopes = (p.per_doubling, p.per_thousand, p.down, p.up)
        shares = (p.flips.wrong_to_right, p.flips.right_to_wrong, p.truncated, p.unanswered)
        rows.append(
            [
                name + (" *" if place in front else ""),
                f"{p.performance:.1f}",
                *("" if slope is None else f"{slope:+.2g}" for slope in slopes),
                *(f"{share:.0%}" for share in shares),
                "" if p.cues_happened is None else f"{p.cues_happened:.0%}",
            ]
        )
    return rows


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], ascii_only: bool) -> Table:
    grid = Table(
        title=Text(safe(title, ascii_only=ascii_only)),
        title_justify="left",
        box=box.ASCII if ascii_only else box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    shown = [place for place in range(len(columns)) if any(row[place] for row in rows)]
    for place in shown:
        grid.add_column(columns[place], justify="right" if place else "left", overflow="fold", no_wrap=place > 0)
    for row in rows:
        grid.add_row(*(Text(safe(row[place], ascii_only=ascii_only)) for place in shown))
    return grid
