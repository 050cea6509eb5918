"""The curve as a picture: accuracy against compute, one panel a task, the same bytes for the same points.

Where a task has more strategies than one panel shows, each group of them has its own (`tts_bench.present.panels`).
"""

from __future__ import annotations

import io
import math
import textwrap
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tts_bench.analysis.curve import Point, by_line, heading, marked
from tts_bench.errors import UserError
from tts_bench.files import write_whole
from tts_bench.present import panels
from tts_bench.present.look import PLAIN, Look
from tts_bench.text import safe

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.transforms import Bbox
    from numpy.typing import NDArray

BLACK = "#000000"
# Colours of Okabe and Ito: told apart with any colour vision. Markers and dashes do the same in grey.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", BLACK, "#E69F00", "#56B4E9")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
_DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (6, 1.5, 1.2, 1.5)), (0, (3, 3)))

_STYLE: Any = {
    "text.parse_math": False,  # names are data: "$x$" is no formula
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#444444",
    "axes.linewidth": 0.8,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.6,
    "xtick.color": "#444444",
    "ytick.color": "#444444",
    "lines.linewidth": 1.5,
    "lines.markersize": 5,
    "svg.hashsalt": "tts-bench",
}
_PANEL = (4.8, 3.5)  # inches
_WIDEST = 60  # characters of a label that fit below a panel
_NAMED = 8  # characters without a glyph that a message names
_CRAMPED = "constrained_layout not applied"  # what matplotlib says of a figure that its texts fill
KINDS: dict[str, dict[str, None]] = {  # of files -> what would change their bytes from day to day
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


@contextmanager
def styled() -> Iterator[None]:
    """All that is drawn or written in here looks alike, whatever the user has set."""
    import matplotlib as mpl

    with mpl.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from font")  # `save` says so once
        mpl.rcdefaults()  # a user's own matplotlibrc would change the bytes
        mpl.rcParams.update(_STYLE)
        yield


def prepare() -> None:
    """Import what drawing needs, so that it need not be waited for later."""
    import matplotlib.backends.backend_agg
    import matplotlib.backends.backend_svg
    import matplotlib.figure  # noqa: F401


def write_plots(curve: Sequence[Point], png: Path, svg: Path, *, title: str = "") -> str:
    """Draw `curve` once and write it as PNG (200 dots an inch) and SVG; returns what `save` does.

    Raises:
        OSError: a file cannot be written; what was there stays.
    """
    figure = draw(curve, Look(title))
    save(figure, png)
    return save(figure, svg)


def write_figure(curve: Sequence[Point], path: Path, look: Look) -> str:
    """Draw `curve` and write it as what `path` ends in, one of `KINDS`; returns what `save` does.

    Raises:
        OSError: the file cannot be written; what was there stays.
    """
    return save(draw(curve, look), path)


def svg(curve: Sequence[Point]) -> str:
    """`curve` as an SVG element, as a page holds it."""
    return _drawn(draw(curve), "svg").decode().partition("<!DOCTYPE")[2].partition(">")[2]


def checked(path: Path, kinds: Collection[str] = tuple(KINDS), said: str = "path") -> Path:
    """`path`, of one of `kinds`. `said` is what people give it as, such as `--out`.

    Raises:
        UserError: it ends in something else, is a folder, or stands in one that does not exist.
    """
    if path.suffix.removeprefix(".").lower() not in kinds:
        found = f"ends in {path.suffix!r}" if path.suffix else "has no ending"
        raise UserError(f"{said} {path} {found}; it takes {', '.join(f'.{kind}' for kind in kinds)}.")
    if path.is_dir():
        raise UserError(f"{said} {path} is a folder; it takes a file. Give another {said}.")
    if not path.absolute().parent.is_dir():
        raise UserError(
            f"{said} {path} cannot be written: the folder {path.parent} does not exist. Create it, or give another "
            f"{said}."
        )
    return path


def save(figure: Figure, path: Path) -> str:
    """Write `figure` as what `path` ends in, one of `KINDS`; returns what to say of it, empty where all is shown.

    Raises:
        OSError: the file cannot be written; what was there stays.
    """
    with warnings.catch_warnings(record=True, action="always") as heard:
        write_whole(path, _drawn(figure, path.suffix.removeprefix(".").lower()))
    cramped = any(_CRAMPED in str(one.message) for one in heard)
    small = "The figure is too small for its texts. Give a larger size, or shorter labels." if cramped else ""
    return " ".join(filter(None, (_unshown(figure), small)))


@styled()
def _unshown(figure: Figure) -> str:
    """Which characters of a figure's texts its font has no glyph for, in a sentence."""
    from matplotlib import font_manager
    from matplotlib.text import Text

    font = font_manager.get_font(font_manager.findfont(font_manager.FontProperties()))
    said: Any = figure.findobj(Text)
    letters = dict.fromkeys(letter for text in said for letter in text.get_text() if letter.isprintable())
    absent = [letter for letter in letters if not font.get_char_index(ord(letter))]
    if not absent:
        return ""
    more = f" and {len(absent) - _NAMED} more" if len(absent) > _NAMED else ""
    return (
        f"The font of figures, {font.family_name}, has no glyph for {' '.join(absent[:_NAMED])}{more}: boxes stand in "
        "their place. tts-bench plot takes other words by --title and --label."
    )


@styled()
def _drawn(figure: Figure, kind: str) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format=kind, dpi=200, metadata=KINDS[kind])
    return buffer.getvalue()


@styled()
def draw(curve: Sequence[Point], look: Look = PLAIN, *, strategies: Sequence[str] = ()) -> Figure:
    """The figure of `curve`: one panel for each task with a scored record.

    `strategies` are names in the order of their colours, so that several figures have the same for each.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    tasks = by_line(point for point in curve if point.accuracy is not None)
    if any(len(lines) > panels.CROWD for lines in tasks.values()):
        styled_lines = [each for each in map(style, range(len(_COLOURS))) if each["color"] != BLACK]
        return panels.figure(tasks, styled_lines, look)
    there = dict.fromkeys(point.strategy for point in curve)
    places = dict.fromkeys([*strategies, *there])
    styles = {name: style(place) for place, name in enumerate(places) if name in there}
    columns = 1 if len(tasks) < 2 else 2
    rows = max(1, math.ceil(len(tasks) / 2))
    size = look.size or (_PANEL[0] * columns + (columns == 1) * 1.2, _PANEL[1] * rows)
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    if look.title:
        figure.suptitle(textwrap.fill(safe(look.title), int(10 * figure.get_figwidth())), fontsize=11)
    spots = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes, (task, lines) in zip(spots, tasks.items(), strict=False):
        _panel(axes, task, lines, styles, look)
    for axes in spots[len(tasks) :]:
        axes.set_visible(False)
    for axes in spots[max(0, len(tasks) - columns) :]:
        axes.set_xlabel(look.label(_WIDEST))
    _name_lines(figure, spots, list(tasks.values()), styles, look)
    return figure


def style(place: int) -> dict[str, Any]:
    """Colour, marker and dashes of the line at `place`, as matplotlib calls them."""
    return {
        "color": _COLOURS[place % len(_COLOURS)],
        "marker": _MARKERS[place % len(_MARKERS)],
        "linestyle": _DASHES[place % len(_DASHES)],
    }


def _intervals(axes: Axes, line: Sequence[Point], colour: str, look: Look) -> None:
    """The intervals as a band with fine edges, which tell it from others in grey; of a single rung as a bar."""
    bars = [(look.place(p), p.low, p.high) for p in line if p.low is not None and p.high is not None]
    xs, lows, highs = zip(*sorted(bars), strict=True) if bars else ((), (), ())
    if len(set(xs)) > 1:
        axes.fill_between(xs, lows, highs, color=colour, alpha=0.1, lw=0)
        for edge in (lows, highs):
            axes.plot(xs, edge, color=colour, alpha=0.5, lw=0.5)
    else:
        axes.vlines(xs, lows, highs, color=colour, alpha=0.4, lw=1.0)


def _panel(
    axes: Axes,
    task: str,
    lines: Mapping[str, Sequence[Point]],
    styles: Mapping[str, dict[str, Any]],
    look: Look,
) -> None:
    for strategy, line in lines.items():
        style = styles[strategy]
        few = marked(line)
        colour = style["color"]
        axes.plot(*look.xy(line), color=colour, linestyle=style["linestyle"])
        axes.plot(*look.xy(few), color=colour, marker=style["marker"], linestyle="none", markeredgecolor="white")
        _intervals(axes, line, colour, look)
    everything = [point for line in lines.values() for point in line]
    look.across(axes, everything, most=8)
    axes.set_title(textwrap.fill(safe(heading(task, lines)), 50, drop_whitespace=False))
    axes.set_ylabel(safe(everything[0].metric))
    if all(point.low is not None for point in everything):
        axes.set_ylabel(f"{safe(everything[0].metric)} (95% interval)")
        axes.yaxis.set_major_formatter(lambda share, _: f"{100 * share:.3g}%")
        bottom, top = axes.get_ylim()
        axes.set_ylim(max(bottom, -0.03), min(top, 1.03))


def _name_lines(
    figure: Figure,
    places: Sequence[Axes],
    lines: Sequence[Mapping[str, Sequence[Point]]],
    styles: Mapping[str, dict[str, Any]],
    look: Look,
) -> None:
    """Names at the ends of the lines where all of them fit, else a legend below the panels."""
    from matplotlib.lines import Line2D

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", _CRAMPED)  # `save` says so
        figure.draw_without_rendering()  # settles the layout, so that places in pixels hold
    placed: list[Any] = []
    if all(_label_ends(axes, panel, styles, look, placed) for axes, panel in zip(places, lines, strict=False)):
        figure.set_layout_engine("none")
        return
    for text in placed:
        text.remove()
    names = [textwrap.fill(safe(strategy), 60) for strategy in styles]
    columns = max(1, min(len(names), int(figure.get_figwidth() * 15 / (max(map(len, names)) + 8))))
    figure.legend(
        [Line2D([], [], **style, markeredgecolor="white") for style in styles.values()],
        names,
        loc="outside lower center",
        ncols=math.ceil(len(names) / math.ceil(len(names) / columns)),
        frameon=False,
        handlelength=3.2,
        fontsize=8,
    )


_PLACES = (  # offset in points and alignment of a name, best first
    ((7, 0), "left", "center"),
    ((-5, 6), "right", "bottom"),
    ((5, -6), "left", "top"),
    ((5, 6), "left", "bottom"),
    ((-5, -6), "right", "top"),
    ((10, -18), "left", "top"),
    ((-10, 18), "right", "bottom"),
)


def _label_ends(
    axes: Axes,
    lines: Mapping[str, Sequence[Point]],
    styles: Mapping[str, dict[str, Any]],
    look: Look,
    placed: list[Any],
) -> bool:
    """Put a name at each line's end, clear of all lines and other names; False where one finds no place."""
    taken = _ink(axes, lines, look)
    ends = {name: axes.transData.transform([xy[-1] for xy in look.xy(line)]) for name, line in lines.items()}
    names: list[Bbox] = []
    for strategy, line in lines.items():
        xs, ys = look.xy(line)
        for offset, across, upright in _PLACES:
            text = axes.annotate(
                safe(strategy),
                (xs[-1], ys[-1]),
                offset,
                textcoords="offset points",
                ha=across,
                va=upright,
                fontsize=8,
                color=styles[strategy]["color"],
            )
            box = text.get_window_extent().padded(2)
            inside = (
                axes.bbox.x0 <= box.x0 and box.x1 <= axes.bbox.x1 and axes.bbox.y0 <= box.y0 <= box.y1 <= axes.bbox.y1
            )
            clear = not box.count_contains(taken) and not box.count_overlaps(names)
            if inside and clear and _belongs(box, ends, strategy):
                names.append(box)
                placed.append(text)
                break
            text.remove()
        else:
            return False
    return True


def _belongs(box: Bbox, ends: Mapping[str, NDArray[np.float64]], strategy: str) -> bool:
    """Whether a name at `box` is read as that of `strategy`: ends of other lines are three times as far from it."""

    def gap(end: NDArray[np.float64]) -> float:
        return math.hypot(end[0] - min(max(end[0], box.x0), box.x1), end[1] - min(max(end[1], box.y0), box.y1))

    own = gap(ends[strategy])
    return all(gap(end) >= 3 * own for name, end in ends.items() if name != strategy)


def _ink(axes: Axes, lines: Mapping[str, Sequence[Point]], look: Look) -> NDArray[np.float64]:
    """Pixels, sampled densely, that the lines cover; shape (points, 2)."""
    import numpy as np

    strokes = [axes.transData.transform(np.column_stack(look.xy(line))) for line in lines.values()]
    steps = np.linspace(0, 1, 50)[:, None]
    return np.concatenate(
        [part for stroke in strokes for part in [stroke, *(a + (b - a) * steps for a, b in pairwise(stroke))]]
    )
