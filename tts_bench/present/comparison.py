"""What `tts-bench compare` prints: of each task a paragraph, a table of differences and each strategy's profile."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tts_bench.analysis.curve import Point, marked
from tts_bench.analysis.family import Comparison
from tts_bench.analysis.matched import pareto
from tts_bench.analysis.points import span
from tts_bench.analysis.profile import profile
from tts_bench.analysis.series import Series
from tts_bench.analysis.table import Grid
from tts_bench.measures import Measure, Shown, costs
from tts_bench.present import words
from tts_bench.present.terminal import accuracy, beside, cell, legend, of_all
from tts_bench.text import only_ascii, safe

_NAME = 24  # columns in which a name is read with ease, broken between its words


def show(
    result: Comparison, series: Sequence[Series], curve: Sequence[Point], console: Console, *, partial: bool = False
) -> None:
    """Print what is said of `series`, their accuracies as `curve` has them, differences and profiles.

    `partial`: some run is not finished, which each heading says.
    """
    ascii_only = only_ascii(console.encoding)
    console.print(Text("\n\n".join(safe(said, ascii_only=ascii_only) for said in words.paragraphs(result))))
    headings: list[str] = []
    for task in dict.fromkeys(statement.task for statement in result.statements):
        stated = [statement for statement in result.statements if statement.task == task]
        grids = {one.name: one.grids[task] for one in series if task in one.grids}
        title = f"{task}, {stated[0].problems:,} problems{' so far' if partial else ''}"
        names, cells = accuracies([point for point in curve if point.task == task], console.width)
        headings += names
        for name, head, rows in (
            (f"{task}, accuracies", names, cells),
            (title, words.COLUMNS, words.rows(stated)),
            (f"{task}: per-strategy summary", _PROFILE, _profiles(grids, result)),
        ):
            console.print(table(name, head, rows, ascii_only, console.width))
    console.print(Text(_legend(headings)))


def content(result: Comparison, curve: Sequence[Point], **more: object) -> dict[str, object]:
    """What is said, and all numbers behind it, as JSON values, with `more` beside them."""
    text, points = "\n".join(words.paragraphs(result)), [point.flat() for point in curve]
    return {**asdict(result), "axis": result.axis.name, "schema": 2, "text": text, "points": points, **more}


def document(found: Mapping[str, object]) -> bytes:
    """`content` as the bytes of a file. What UTF-8 cannot hold, of the name of a folder, is an escape of JSON."""
    return (json.dumps(found, ensure_ascii=False, indent=1, allow_nan=False) + "\n").encode("utf-8", "backslashreplace")


_LEGEND = (
    "points: left minus right; Holm: p corrected for all differences; +/-: problems on which left is better/worse; "
    "MDE: minimum detectable effect at 80% power. *: on the Pareto front of last rungs; slope: points per doubling of "
    "compute; /1000: points per 1,000 units of compute; down: slope over budgets; up: slope over cues; w>r: wrong at "
    "the first rung, right at the last; trunc, no ans: at the last rung; cues: share of requested cues inserted."
)
_PROFILE = ("strategy", "best", "slope", "/1000", "down", "up", "w>r", "r>w", "trunc", "no ans", "cues")


def _legend(headings: Sequence[str]) -> str:
    """What stands below all tables."""
    return f"{measured(headings)}. {_LEGEND}"


def measured(headings: Sequence[str]) -> str:
    """What the headings of a table of accuracies mean."""
    said = "".join(f"; {name}: {says}" for name, says in legend(Shown.WIDE).items() if name in headings)
    return f"of all: errors count as wrong; between: standard deviation between seeds, in points{said}"


def accuracies(curve: Sequence[Point], width: int) -> tuple[list[str], list[list[str]]]:
    """Headings and cells of each strategy's rungs on its own problems, of long lines those that the run's table shows.

    Measures that are shown in wide tables only are there where `width` has room for them.
    """
    for least in (Shown.WIDE, Shown.ALWAYS):
        measured = costs(least)
        headings = ["strategy", "n", "accuracy", "of all", "seeds", "between", *(row.heading for row in measured)]
        cells = _accuracy_cells(curve, measured)
        widths = [max(map(len, column)) for column in zip(headings, *cells, strict=True) if any(column[1:])]
        if sum(number + 2 for number in widths) + 1 <= width:
            break
    return headings, cells


def _accuracy_cells(curve: Sequence[Point], measured: Sequence[Measure]) -> list[list[str]]:
    several = any(point.seeds > 1 for point in curve)
    lines: dict[str, list[Point]] = {}
    for point in curve:
        lines.setdefault(point.strategy, []).append(point)
    return [
        [
            f"{point.strategy} at {point.rung}",
            f"{point.n:,}" if len({point.n for point in curve}) > 1 else "",
            accuracy(point),
            of_all(point),
            str(point.seeds) if several else "",
            ""
            if point.between is None
            else f"{point.between:.3g}"
            if point.low is None
            else f"{100 * point.between:.1f}",
            *(cell(row, point, last=point is line[-1]) for row in measured),
        ]
        for line in lines.values()
        for point in marked(line)
    ]


def _profiles(grids: Mapping[str, Grid], result: Comparison) -> list[list[str]]:
    ends = [(float(grid.compute(result.axis).mean(0)[-1]), float(grid.expected.mean(0)[-1])) for grid in grids.values()]
    front, rows = pareto(ends), []
    shares = span(*(grid.expected for grid in grids.values())) is None
    for place, (name, grid) in enumerate(grids.items()):
        p = profile(grid, result.axis, shares=shares)
        slopes = (p.per_doubling, p.per_thousand, p.down, p.up)
        flips = ("", "") if p.flips is None else (f"{p.flips.wrong_to_right:.0%}", f"{p.flips.right_to_wrong:.0%}")
        rows.append(
            [
                name + (" *" if place in front else ""),
                f"{p.performance:.1f}" if p.share else f"{p.performance:.3g}",
                *("" if slope is None else _slope(slope) for slope in slopes),
                *flips,
                f"{p.truncated:.0%}",
                f"{p.unanswered:.0%}",
                "" if p.cues_happened is None else f"{p.cues_happened:.0%}",
            ]
        )
    return rows


def _slope(points: float) -> str:
    return f"{points:+z.2g}" if abs(points) < 9.95 else f"{points:+,.0f}"


def table(
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    ascii_only: bool,
    width: int,
    wrapped: Collection[int] = (),
) -> Table | Text:
    """A row for each of `rows`; where `width` leaves too little for their names, these stand above the numbers.

    Columns at the places `wrapped` hold names as well, which are broken between words.
    """
    shown = [place for place in range(len(columns)) if any(row[place] for row in rows)]
    title = safe(title, ascii_only=ascii_only)
    header, *cells = [[safe(row[place], ascii_only=ascii_only) for place in shown] for row in (columns, *rows)]
    widths = [max(map(len, column)) for column in zip(header, *cells, strict=True)]
    if not wrapped and width - sum(number + 2 for number in widths[1:]) - 3 < min(widths[0], _NAME):
        return _stacked(title, header, cells, widths[1:], "-" if ascii_only else "─")
    printed = Table(
        title=beside(Text(title), width),
        title_justify="left",
        box=box.ASCII if ascii_only else box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    for place, name in zip(shown, header, strict=True):
        names = place in wrapped or not place
        printed.add_column(name, justify="left" if names else "right", overflow="fold", no_wrap=not names)
    for row in cells:
        printed.add_row(*map(Text, row))
    return printed


def _stacked(
    title: str, header: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int], rule: str
) -> Text:
    def numbers(row: Sequence[str]) -> str:
        return "   " + "  ".join(f"{cell:>{width}}" for cell, width in zip(row[1:], widths, strict=True))

    lines = [title, "", numbers(header), f" {rule * (len(numbers(header)) - 1)}"]
    for row in rows:
        lines += [f" {row[0]}", numbers(row)]
    return Text("\n".join([*lines, ""]))
