"""The curve in a terminal: a table and a drawing for each task, in plain ASCII where nothing else can be shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType

from rich import box
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from tts_bench.analysis.compute import GENERATED
from tts_bench.analysis.curve import Point, by_line, marked
from tts_bench.analysis.names import bare, folded, is_baseline
from tts_bench.measures import Measure, Shown, columns
from tts_bench.present.drawing import drawing
from tts_bench.present.panels import CROWD, Lines, by_group, front
from tts_bench.presets import CONTROLS
from tts_bench.text import only_ascii, safe

_NOTHING: Mapping[str, str] = MappingProxyType({})
_NARROWEST, _WIDEST = 40, 100  # columns of a drawing
_ROOMY = 74  # columns from which a table's numbers stand unbroken
_DISPENSABLE = (
    "cues",
    "no ans",
    "trunc",
    "x base",
    "of all",
)  # columns that a narrow table does without, in this order
_MEANINGS = {"of all": "errors count as wrong", "x base": "tokens relative to the baseline's last rung"}


def show(curve: Sequence[Point], console: Console) -> None:
    """Print each task's table and drawing. Names are shown, never interpreted."""
    for part in parts(curve, console):
        console.print(part)


def parts(curve: Sequence[Point], console: Console, so_far: Mapping[str, str] = _NOTHING) -> Iterator[RenderableType]:
    """Each task's table and drawing for `console`; `so_far` says how much of a task there is, where that is not all."""
    ascii_only = only_ascii(console.encoding)
    for task, lines in by_line(curve).items():
        yield table(task, lines, console.width, ascii_only=ascii_only, so_far=so_far.get(task, ""))
        if console.width >= _NARROWEST:
            yield drawing(_drawn(lines), min(console.width, _WIDEST), ascii_only=ascii_only)
        if len(lines) > CROWD:
            yield Text("The plot shows the controls and leaders at some cost; curve.png has a panel for each group.")
    if any(len(lines) > CROWD for lines in by_line(curve).values()):
        yield Text("Only the last rung of each strategy is shown; all rungs are in curve.json.")
    elif any(len(marked(line)) < len(line) for lines in by_line(curve).values() for line in lines.values()):
        yield Text("Long curves are shown at powers of two; all rungs are in curve.json.")


def _drawn(lines: Lines) -> Lines:
    """As many as can be told apart: of a crowd the controls and those that lead at some cost."""
    if len(lines) <= CROWD:
        return lines
    scored = [point for line in lines.values() for point in line if point.accuracy is not None]
    leading = {point.strategy for point in front(scored, GENERATED.place)}
    controls = by_group(lines)[CONTROLS]
    return {name: line for name, line in lines.items() if name in leading or name in controls}


def table(
    task: str, lines: Mapping[str, Sequence[Point]], width: int, *, ascii_only: bool = False, so_far: str = ""
) -> Table:
    """One row for each rung that is shown. Tokens are compared with the last rung of the baseline if there is one.

    Columns that would be empty are left out. Where `width` is too little, so are those of wide tables, and then others.
    A name goes on beside the next rungs where there is no room for it; numbers break over lines where `width` is less
    than `_ROOMY`.
    """

    def text(words: str) -> Text:
        return Text(safe(words, ascii_only=ascii_only))

    everything = [point for line in lines.values() for point in line]
    names = {strategy: safe(name, ascii_only=ascii_only) for strategy, name in bare(lines).items()}
    longest = max(map(len, names.values()))
    least = min(14 if len(lines) <= CROWD else 26, longest)  # a crowd has one row each, and no next rungs
    shown, taken = _columns(lines, columns(Shown.WIDE))
    if longest + taken + 3 > width:
        shown, taken = _columns(lines, columns(Shown.ALWAYS))
    for name in _DISPENSABLE:
        if least + taken + 3 > width and name in shown:
            taken -= 2 + max(len(name), *(len(shown[name](point)) for point in everything))
            shown = {other: cell for other, cell in shown.items() if other != name}
    meanings = [f"{name}: {meaning}" for name, meaning in (_MEANINGS | legend(Shown.WIDE)).items() if name in shown]
    sizes = {point.n for point in everything}
    count = so_far or (f"n = {sizes.pop()}" if len(sizes) == 1 else "")
    count = f", {count}" if count else ""
    listing = Table(
        title=beside(text(f"{task}: {everything[0].metric}, 95% Wilson interval{count}"), width),
        title_justify="left",
        caption=beside(Text("; ".join(meanings)), width),
        caption_justify="left",
        box=box.ASCII if ascii_only else box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    listing.add_column("strategy", overflow="fold", min_width=least)
    for name in shown:
        listing.add_column(name, justify="right", overflow="fold", no_wrap=width >= _ROOMY)
    for strategy, line in lines.items():
        rungs = marked(line) if len(lines) <= CROWD else line[-1:]
        parts = folded(names[strategy], max(least, width - taken - 3))
        for place, point in enumerate(rungs):
            here = parts[place : place + 1] if place < len(rungs) - 1 else parts[place:]
            listing.add_row(Text("\n".join(here)), *(text(cell(point)) for cell in shown.values()))
        if len(lines) <= CROWD:
            listing.add_section()
    return listing


def beside(words: Text, width: int) -> Text:
    """What stands above or below a table, on one line where `width` has room for it; the table may be narrower."""
    if len(words) <= width:
        words.no_wrap, words.overflow = True, "ignore"
    return words


def _columns(
    lines: Mapping[str, Sequence[Point]], rows: Sequence[Measure]
) -> tuple[dict[str, Callable[[Point], str]], int]:
    """What stands beside a strategy's name, by heading and without what would be empty; and how wide it is."""
    everything = [point for line in lines.values() for point in line]
    base = next((line[-1].generated for name, line in lines.items() if is_baseline(name)), 0.0)
    last = {id(line[-1]) for line in lines.values()}
    several = len({point.n for point in everything}) > 1

    def measured(row: Measure) -> Callable[[Point], str]:
        return lambda point: cell(row, point, last=id(point) in last)

    cells: dict[str, Callable[[Point], str]] = {
        "rung": lambda point: point.rung,
        "n": lambda point: str(point.n) if several else "",
        "accuracy": accuracy,
        "of all": of_all,
        **{row.heading: measured(row) for row in rows if row.unit == "tokens"},
        "x base": lambda point: f"{point.generated / base:.2f}" if base else "",
        **{row.heading: measured(row) for row in rows if row.unit != "tokens"},
        "errors": lambda point: str(point.errors or ""),
    }
    shown = {name: cell for name, cell in cells.items() if any(map(cell, everything))}
    return shown, sum(2 + max(len(name), *(len(cell(point)) for point in everything)) for name, cell in shown.items())


def cell(row: Measure, point: Point, *, last: bool) -> str:
    """A measure of a point. What stands beside a bill does so at the last rung, and where it is more than the bill."""
    value = row.of(point)
    if row.beside and (not last or value is None or round(value) <= round(getattr(point, row.beside))):
        return ""
    return row.text(point, "/")


def legend(least: Shown) -> dict[str, str]:
    """What the headings of measures mean, where that is more than their unit."""
    return {row.heading: row.legend for row in columns(least) if row.label != row.unit}


def accuracy(point: Point) -> str:
    """The accuracy with its interval; a mean that is no share has none."""
    if point.accuracy is None:
        return "no record"
    if point.low is None or point.high is None:
        return f"{point.accuracy:.3g}"
    return f"{100 * point.accuracy:.1f} [{100 * point.low:.1f}, {100 * point.high:.1f}]"


def of_all(point: Point) -> str:
    """The accuracy with errors as wrong answers, where there are any."""
    if not point.errors or point.overall is None:
        return ""
    return f"{point.overall:.3g}" if point.accuracy is not None and point.low is None else f"{100 * point.overall:.1f}"
