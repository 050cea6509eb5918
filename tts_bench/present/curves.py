"""Curves within a problem as words, tables, pictures and JSON: by length of the samples, and by tenths of thinking."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from tts_bench.analysis.stated import TENTHS
from tts_bench.analysis.within import Kind, Line, Missing
from tts_bench.present import comparison
from tts_bench.present.comparison import table
from tts_bench.present.plot import save, style, styled
from tts_bench.present.words import p_text
from tts_bench.text import only_ascii, safe

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ROWS = 16  # of a table; of more ranks some are shown
_TITLE: dict[Kind, str] = {
    "natural-length": "accuracy by length of the sample",
    "order": "accuracy by place of the sample in the pool",
    "convergence": "accuracy by share of the thinking",
    "stated": "accuracy of the result stated so far by share of the thinking",
}
_STEP: dict[Kind, str] = {
    "natural-length": "rank (1: shortest)",
    "order": "place",
    "convergence": "thinking",
    "stated": "thinking",
}
_ENDS: dict[Kind, tuple[str, str]] = {
    "natural-length": ("the longest", "the shortest"),
    "convergence": ("the whole thinking", "its first tenth"),
    "stated": ("what the whole thinking states", "what its first tenth states"),
}
COLUMNS = ("tokens", "accuracy", "change", "95%", "final answer")
_READING = (
    "tokens: mean thinking; change: points since the first row, on the same problems, with its interval by a paired "
    "bootstrap over problems. p-values are corrected by Holm over the curves of one kind, intervals are not."
)
_OWN_UNIT = " Where scores are not from 0 to 1, changes are in the metric's own unit, not in points."


def show(lines: Sequence[Line], missing: Sequence[Missing], run: str, console: Console) -> None:
    """Print each curve as a sentence and a table, and of what is missing how to get it."""
    ascii_only = only_ascii(console.encoding)
    for line in lines:
        console.print(Text(safe(sentence(line), ascii_only=ascii_only)))
        title = f"{line.task}, {line.strategy}: {_TITLE[line.kind]}, {line.problems:,} problems"
        console.print(table(title, (_STEP[line.kind], *COLUMNS), rows(line), ascii_only, console.width))
    for one in missing:
        console.print(Text(safe(advice(one, run), ascii_only=ascii_only)))
    if lines:
        console.print(Text(_READING + ("" if all(line.share for line in lines) else _OWN_UNIT)))


def sentence(line: Line) -> str:
    """What changes from the first step to the last, as a sentence."""
    last = line.steps[-1]
    interval = f"95% {_signed(line, last.change_low)} to {_signed(line, last.change_high)}"
    facts = f"{interval}, {p_text(line.adjusted)}, {line.problems:,} problems"
    of = f"{line.strategy} on {line.task}"
    if line.kind == "order":
        return _of_places(line, of)
    ends = _ENDS[line.kind]
    left = ""
    if line.left_out:
        left = f" Left out: {line.left_out:,} problems without an answer at each step."
    if line.adjusted < 0.05:
        side = "above" if last.change > 0 else "below"
        size = f"{_mean(line, abs(last.change))}{' points' if line.share else ''}"
        return f"{of}: {ends[0]} is {size} {side} {ends[1]} ({facts}).{left}"
    change = _signed(line, last.change)
    return f"{of}: no significant difference between {ends[0]} and {ends[1]}: {change} ({facts}).{left}"


def _mean(line: Line, value: float) -> str:
    """An accuracy in percent; a mean of scores that are no shares in the metric's own unit."""
    return f"{100 * value:.1f}" if line.share else f"{value:.3g}"


def _signed(line: Line, value: float) -> str:
    return f"{100 * value:+z.1f}" if line.share else f"{value:+z.3g}"


def _of_places(line: Line, of: str) -> str:
    """Whether the samples of a pool can be taken for random draws, whose place does not matter."""
    least, most = (_mean(line, end(step.accuracy for step in line.steps)) for end in (min, max))
    facts = f"{least} to {most}, Cochran's Q, {p_text(line.adjusted)}, {line.problems:,} problems"
    if line.adjusted < 0.05:
        return (
            f"{of}: accuracy depends on the place of a sample in the pool ({facts}). So they are not random draws, "
            f"and results for the first k samples, or by length, depend on how the pool was made."
        )
    return f"{of}: no sign that accuracy depends on the place of a sample in the pool ({facts})."


def rows(line: Line) -> list[list[str]]:
    """Cells of a table, one row for each step, of many ranks for some."""
    count = len(line.steps)
    shown = range(count) if count <= _ROWS else sorted({round(at * (count - 1) / 8) for at in range(9)})
    return [_row(line, place) for place in shown]


def _row(line: Line, place: int) -> list[str]:
    step = line.steps[place]
    return [
        str(step.place) if line.kind in ("natural-length", "order") else f"{100 * step.place // TENTHS}%",
        f"{step.tokens:,.0f}",
        f"{_mean(line, step.accuracy)} [{_mean(line, step.low)}, {_mean(line, step.high)}]",
        _signed(line, step.change) if place else "",
        f"[{_signed(line, step.change_low)}, {_signed(line, step.change_high)}]" if place else "",
        "" if step.settled is None else f"{step.settled:.0%}",
    ]


def advice(one: Missing, run: str) -> str:
    """Why a task has no curve of a kind, and what to run for one."""
    why = f" {one.why}" if one.why else ""
    if one.kind != "convergence":
        needs = "needs several samples per problem that are drawn whole, answered and scored"
        if one.settled:
            other = "samples that differ in length" if one.kind == "natural-length" else "thinking that states results"
            return f"{one.task}: {_TITLE[one.kind]} needs {other}.{why}"
        return (
            f"{one.task}: {_TITLE[one.kind]} {needs}; {run} has none.{why} Add --strategy majority-vote:samples=16 to "
            f"its command; samples that other strategies have drawn are taken from the store."
        )
    needs = "needs answers in each tenth of one trace"
    return (
        f"{one.task}: {_TITLE[one.kind]} {needs}; {run} has none.{why} Add --strategy {_budgets(one.lengths)} to its "
        f"command; the thinking is taken from the store, the answers at each budget are generated."
    )


def _budgets(lengths: Sequence[int]) -> str:
    """A baseline with budgets a tenth of a short trace apart, up to more than the longest, as it is typed."""
    known = sorted(length for length in lengths if length) or [1000]
    step = max(1, known[len(known) // 10] // TENTHS)
    return f"baseline:budgets=$(seq -s+ {step} {step} {-(-known[-1] // step) * step + step})"


def content(lines: Sequence[Line], missing: Sequence[Missing], run: str) -> dict[str, object]:
    """All numbers, and what is said, as JSON values."""
    curves = [{**asdict(line), "text": sentence(line)} for line in lines]
    absent = [{"task": one.task, "kind": one.kind, "text": advice(one, run)} for one in missing]
    return {"schema": 1, "run": run, "curves": curves, "missing": absent}


def document(lines: Sequence[Line], missing: Sequence[Missing], run: str) -> bytes:
    """The same as the bytes of a file."""
    return comparison.document(content(lines, missing, run))


def write_figure(lines: Sequence[Line], path: Path, *, title: str = "") -> str:
    """Draw `lines`, a panel for each task and kind, and write them as what `path` ends in; returns what `save` does.

    Raises:
        OSError: the file cannot be written; what was there stays.
    """
    return save(draw(lines, title=title), path)


@styled()
def draw(lines: Sequence[Line], *, title: str = "") -> Figure:
    """The figure of `lines`."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    panels = list(dict.fromkeys((line.task, line.kind) for line in lines))
    figure = Figure(figsize=(5.2, 3.6 * len(panels)), layout="constrained")
    FigureCanvasAgg(figure)
    if title:
        figure.suptitle(textwrap.fill(safe(title), 50), fontsize=11)
    styles = {name: style(place) for place, name in enumerate(dict.fromkeys(line.strategy for line in lines))}
    for axes, (task, kind) in zip(figure.subplots(len(panels), 1, squeeze=False).flat, panels, strict=True):
        for line in lines:
            if (line.task, line.kind) == (task, kind):
                _panel(axes, line, styles[line.strategy])
        axes.set_title(textwrap.fill(safe(f"{task}: {_TITLE[kind]}"), 50))
        axes.legend(fontsize=7, frameon=False)
    return figure


def _panel(axes: Axes, line: Line, look: dict[str, object]) -> None:
    tenths = line.kind in ("convergence", "stated")
    xs = [step.place * (100 // TENTHS if tenths else 1) for step in line.steps]
    colour, name = str(look["color"]), safe(line.strategy)
    axes.plot(xs, [step.accuracy for step in line.steps], label=name, markeredgecolor="white", **look)  # type: ignore[arg-type]
    axes.fill_between(xs, [s.low for s in line.steps], [s.high for s in line.steps], color=colour, alpha=0.1, lw=0)
    if tenths:
        settled = [step.settled or 0.0 for step in line.steps]
        axes.plot(xs, settled, color=colour, linestyle=":", lw=1.0, label=f"{name}: answer is the final one")
    rank = (
        "place of the sample in the pool" if line.kind == "order" else "rank of the sample's length within its problem"
    )
    axes.set_xlabel("share of the thinking (%)" if tenths else rank)
    axes.set_ylabel(f"{safe(line.metric)} (95% interval)")
    if line.share:
        axes.yaxis.set_major_formatter(lambda share, _: f"{100 * share:.3g}%")
