"""The curve in a terminal: a table and a drawing for each task, in plain ASCII where nothing else can be shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tts_bench.analysis.curve import Point, by_line, marked
from tts_bench.analysis.drawing import drawing
from tts_bench.analysis.names import bare, folded
from tts_bench.text import safe

_NARROWEST, _WIDEST = 40, 100  # columns of a drawing
TOO_MUCH = 1.5  # times the bill: more than probe answers take
_ROOMY = 74  # columns from which a table's numbers stand unbroken
_MEANINGS = {
    "of all": "errors counted as wrong",
    "x base": "tokens against the baseline's last rung",
    "spent": "all tokens that were made, billed or not (! above 1.5 times)",
    "trunc": "thinking ran into its budget",
    "no ans": "no answer found",
    "cues": "put in/asked for, means",
}


def show(curve: Sequence[Point], console: Console) -> None:
    """Print each task's table and drawing. Names are shown, never interpreted."""
    ascii_only = not console.encoding.lower().startswith("utf")
    for task, lines in by_line(curve).items():
        console.print(table(task, lines, console.width, ascii_only=ascii_only))
        if console.width >= _NARROWEST:
            console.print(drawing(lines, min(console.width, _WIDEST), ascii_only=ascii_only))
    if any(len(marked(line)) < len(line) for lines in by_line(curve).values() for line in lines.values()):
        console.print(Text("Long curves are shown at powers of two; all rungs are in curve.json."))


def table(task: str, lines: Mapping[str, Sequence[Point]], width: int, *, ascii_only: bool = False) -> Table:
    """One row for each rung that is shown. Tokens are means, compared with the last rung of the baseline if there is
    one. Columns that would be empty are left out. A name goes on beside the next rungs where `width` is too little for
    it; numbers break over lines where it is less than `_ROOMY`."""

    def text(words: str) -> Text:
        return Text(safe(words, ascii_only=ascii_only))

    everything = [point for line in lines.values() for point in line]
    base = next((line[-1].generated for name, line in lines.items() if name.split(":")[0] == "baseline"), 0.0)
    last = {id(line[-1]) for line in lines.values()}  # which all that was spent led up to
    columns: dict[str, Callable[[Point], str]] = {
        "rung": lambda point: point.rung,
        "n": lambda point: str(point.n),
        "accuracy": accuracy,
        "of all": of_all,
        "tokens": lambda point: f"{point.generated:,.0f}",
        "spent": lambda point: spent(point) if id(point) in last else "",
        "x base": lambda point: f"{point.generated / base:.2f}" if base else "",
        "trunc": lambda point: f"{point.truncated:.0%}",
        "no ans": lambda point: f"{point.no_answer:.0%}",
        "cues": lambda point: f"{point.cues:.3g}/{point.cues_wanted:.3g}" if point.cues_wanted else "",
        "errors": lambda point: str(point.errors or ""),
    }
    sizes = {point.n for point in everything}
    if len(sizes) == 1:
        del columns["n"]
    shown = {name: cell for name, cell in columns.items() if any(map(cell, everything))}
    meanings = {name: meaning for name, meaning in _MEANINGS.items() if name in shown}
    grid = Table(
        title=text(
            f"{task}: {everything[0].metric}, 95% Wilson interval" + (f", n = {sizes.pop()}" if len(sizes) == 1 else "")
        ),
        title_justify="left",
        caption=Text("; ".join(f"{name}: {meaning}" for name, meaning in meanings.items())),
        caption_justify="left",
        box=box.ASCII if ascii_only else box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    names = bare(lines)
    least = min(14, max(map(len, names.values())))
    grid.add_column("strategy", overflow="fold", min_width=least)
    for name in shown:
        grid.add_column(name, justify="right", overflow="fold", no_wrap=width >= _ROOMY)
    taken = sum(2 + max(len(name), *(len(cell(point)) for point in everything)) for name, cell in shown.items())
    for strategy, line in lines.items():
        rungs = marked(line)
        parts = folded(safe(names[strategy], ascii_only=ascii_only), max(least, width - taken - 3))
        for place, point in enumerate(rungs):
            here = parts[place : place + 1] if place < len(rungs) - 1 else parts[place:]
            grid.add_row(Text("\n".join(here)), *(text(cell(point)) for cell in shown.values()))
        grid.add_section()
    return grid


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


def spent(point: Point) -> str:
    """What was made for a last rung, where that is more than its bill; marked above `TOO_MUCH` times the bill."""
    if point.spent is None or round(point.spent) <= round(point.generated):
        return ""
    return f"{point.spent:,.0f}{' !' if point.spent > TOO_MUCH * point.generated else ''}"
