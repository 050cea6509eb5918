"""The picture of many strategies: a panel for each group, with the controls and the front of all in every one."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate, cycle
from typing import TYPE_CHECKING, Any

from tts_bench import presets
from tts_bench.analysis.curve import Point, heading
from tts_bench.analysis.names import told_apart
from tts_bench.present.look import Look
from tts_bench.text import safe

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CROWD = 8  # lines that one panel shows at most
OTHERS = "others"  # of no group, or not installed here
COLUMNS = 3
SIZE = (4.4, 2.8)  # inches of a panel, the names beside it included
_LEFT, _PLOT = 0.18, 0.48  # of its width: what the ticks take, and the plot; the names have the rest
_FOOT, _FRAME = 0.4, 0.9  # inches below all panels, and below and above them
_LINE = 0.085  # least distance of two names, as a share of a panel's height
_GREY, _FRONT = "#8a8a8a", "#000000"
_NAMED = 34  # characters of a name that fit beside a panel
_CONTROL_DASHES: tuple[Any, ...] = ((0, (1.2, 1.2)), "-", (0, (5, 1.5)))

Lines = Mapping[str, Sequence[Point]]


def by_group(lines: Lines) -> dict[str, dict[str, Sequence[Point]]]:
    """The lines of each group, in the order of groups; the controls are the first."""
    groups = presets.groups()
    shelf = {
        name: group
        for group in reversed(groups)
        if group not in (presets.SHELF, presets.CHEAP)
        for name in groups[group]
    }
    found: dict[str, dict[str, Sequence[Point]]] = {}
    for label, line in lines.items():
        found.setdefault(shelf.get(label.partition(":")[0], OTHERS), {})[label] = line
    order = [*groups, OTHERS]
    return {presets.CONTROLS: {}, **{group: found[group] for group in sorted(found, key=order.index)}}


def front(points: Iterable[Point], cost: Callable[[Point], float]) -> list[Point]:
    """The points that beat all that cost as much or less, by rising `cost`."""
    ranked = sorted(points, key=lambda point: (cost(point), -(point.accuracy or 0.0)))
    best = [-math.inf, *accumulate((point.accuracy or 0.0 for point in ranked), max)]
    return [point for point, before in zip(ranked, best, strict=False) if (point.accuracy or 0.0) > before]


def figure(tasks: Mapping[str, Lines], styles: Sequence[Mapping[str, Any]], look: Look) -> Figure:
    """A panel for each task and group. `styles`: colour and marker of the lines of one panel."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    blocks = {task: by_group(lines) for task, lines in tasks.items()}
    shown = [(task, group) for task, groups in blocks.items() for group in groups if group != presets.CONTROLS]
    rows = math.ceil(len(shown) / COLUMNS)
    height = SIZE[1] * rows + _FRAME
    made = Figure(figsize=look.size or (SIZE[0] * COLUMNS, height))
    FigureCanvasAgg(made)
    said = "; ".join(heading(task, lines) for task, lines in tasks.items())
    made.suptitle(textwrap.fill(safe(f"{look.title}   {said}".strip()), 150), fontsize=11)
    for place, (task, group) in enumerate(shown):
        row, column = divmod(place, COLUMNS)
        bottom = _FOOT + SIZE[1] * (rows - 1 - row)
        axes = made.add_axes(
            ((column + _LEFT) / COLUMNS, (bottom + 0.45) / height, _PLOT / COLUMNS, (SIZE[1] - 0.85) / height)
        )
        groups = blocks[task]
        panel(axes, groups[group], tasks[task], groups[presets.CONTROLS], styles, look)
        name = group if len(tasks) == 1 else f"{group} on {task}"
        axes.set_title(safe(name), loc="left", fontsize=9, fontweight="bold")
        if column == 0:
            axes.set_ylabel(safe(next(iter(tasks[task].values()))[0].metric))
        if place + COLUMNS >= len(shown):
            axes.set_xlabel(look.label(48))
    _legend(made, list(dict.fromkeys(name for groups in blocks.values() for name in groups[presets.CONTROLS])))
    return made


def _legend(made: Figure, controls: Sequence[str]) -> None:
    """What stands in every panel."""
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=_GREY, linestyle=dashes, lw=1.2)
        for _, dashes in zip(controls, _CONTROL_DASHES, strict=False)
    ]
    handles.append(Line2D([], [], color=_FRONT, lw=0.8, marker="o", markersize=9, fillstyle="none"))
    named = [_cut(safe(name)) for name in told_apart(controls).values()]
    names = [*named, "front: best accuracy of all at up to that cost"]
    made.legend(handles, names, loc="lower center", ncols=len(names), frameon=False, fontsize=8)


def panel(
    axes: Axes, mine: Lines, everything: Lines, controls: Lines, styles: Sequence[Mapping[str, Any]], look: Look
) -> None:
    """Draw the lines of one group, before the controls in grey and the front of `everything`."""
    points = [point for line in everything.values() for point in line]
    best = front(points, look.place)
    end = look.across(axes, points, most=6)
    for line, dashes in zip(controls.values(), _CONTROL_DASHES, strict=False):
        axes.plot(*look.xy(line), color=_GREY, linestyle=dashes, lw=1.2)
    steps = [*best, best[-1]]
    xs = [*(look.place(point) for point in best), end]
    axes.plot(xs, look.xy(steps)[1], color=_FRONT, lw=0.8, drawstyle="steps-post")
    for line, style in zip(mine.values(), cycle(styles), strict=False):
        own = {
            **style,
            "linestyle": "-",
            "lw": 1.0,
            "markersize": 4,
            "markeredgecolor": "white",
            "markeredgewidth": 0.5,
        }
        axes.plot(*look.xy(line), **own)
        leading = [point for point in line if point in best]
        axes.plot(
            *look.xy(leading), linestyle="none", marker="o", markersize=9, fillstyle="none", color=_FRONT, mew=0.8
        )
        if (last := line[-1]).low is not None and last.high is not None:
            axes.vlines(look.place(last), last.low, last.high, color=style["color"], alpha=0.4, lw=1.0)
    _fit(axes, points)
    _name(axes, mine, styles, look)


def _fit(axes: Axes, points: Sequence[Point]) -> None:
    """One height for all panels, with room for the intervals."""
    shares = all(point.low is not None for point in points)
    lows = [point.low if shares and point.low is not None else point.accuracy or 0.0 for point in points]
    highs = [point.high if shares and point.high is not None else point.accuracy or 0.0 for point in points]
    margin = 0.04 * ((max(highs) - min(lows)) or 1.0)
    axes.set_ylim(min(lows) - margin, max(highs) + margin)
    if shares:
        axes.yaxis.set_major_formatter(lambda share, _: f"{100 * share:.3g}%")


def _name(axes: Axes, mine: Lines, styles: Sequence[Mapping[str, Any]], look: Look) -> None:
    """Names beside the panel, each level with the end of its line as far as the others allow."""
    low, high = axes.get_ylim()
    ends = {name: ((line[-1].accuracy or 0.0) - low) / (high - low) for name, line in mine.items()}
    colours = {name: style["color"] for name, style in zip(mine, cycle(styles), strict=False)}
    shown = told_apart(mine)
    for name, height in spread(ends, _LINE).items():
        end = mine[name][-1]
        axes.annotate(
            _cut(safe(shown[name])),
            (look.place(end), end.accuracy or 0.0),
            (1.04, height),
            textcoords="axes fraction",
            va="center",
            fontsize=7,
            color=colours[name],
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "lw": 0.4, "color": colours[name], "alpha": 0.6, "shrinkA": 1, "shrinkB": 3},
        )


def _cut(name: str) -> str:
    """A long name without its middle: options stand at its end."""
    return name if len(name) <= _NAMED else f"{name[: _NAMED // 2 - 2]}...{name[1 - _NAMED // 2 :]}"


def spread(heights: Mapping[str, float], least: float) -> dict[str, float]:
    """`heights` moved apart to at least `least`, in order, near where they were, and within 0 to 1 if they fit."""
    names = sorted(heights, key=lambda name: (heights[name], name))
    blocks: list[tuple[float, int]] = []  # mean of the lowest place that each of a block wants, and how many are in it
    for name in names:
        mean, count = heights[name], 1
        while blocks and blocks[-1][0] + least * blocks[-1][1] > mean:
            below, fewer = blocks.pop()
            mean, count = (below * fewer + (mean - least * fewer) * count) / (fewer + count), fewer + count
        blocks.append((mean, count))
    places = [low + least * step for low, count in blocks for step in range(count)]
    top = 1.0
    for place in range(len(places) - 1, -1, -1):
        places[place] = top = min(places[place], top)
        top -= least
    bottom = 0.0
    for place, height in enumerate(places):
        places[place] = bottom = max(height, bottom)
        bottom += least
    return dict(zip(names, places, strict=True))
