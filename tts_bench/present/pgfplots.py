"""The curve as a picture that LaTeX sets with the package pgfplots, in the paper's own letters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tts_bench.analysis.curve import Point, by_line, heading, marked
from tts_bench.present.exported import escaped
from tts_bench.present.look import Look
from tts_bench.present.plot import style

_SIZE = (4.8, 3.5)  # inches of a panel
_HEAD = "% \\usepackage{pgfplots} \\pgfplotsset{compat=1.18}\n"
_DASHES = ("solid", "densely dashed", "densely dotted", "dash dot")


def tex(curve: Sequence[Point], look: Look) -> str:
    """A `tikzpicture` for each task with a scored record; bars are 95% intervals, accuracies are in percent."""
    tasks = by_line(point for point in curve if point.accuracy is not None)
    return _HEAD + "\n".join("".join(f"{row}\n" for row in _panel(task, lines, look)) for task, lines in tasks.items())


def _panel(task: str, lines: dict[str, list[Point]], look: Look) -> Iterator[str]:
    first = next(iter(lines.values()))[0]
    share = all(point.low is not None for line in lines.values() for point in line)
    metric = escaped(first.metric) + (r" (\%)" if share else "")
    width, height = look.size or _SIZE
    yield f"\\begin{{tikzpicture}} % {escaped(heading(task, lines))}"
    yield "\\begin{axis}["
    yield f"  title={{{escaped(look.title or task)}}}, xlabel={{{escaped(' '.join(look.label(1000).split()))}}},"
    yield f"  ylabel={{{metric}}}, width={width:g}in, height={height:g}in, grid=major,"
    if not look.linear:
        yield f"  xmode=log, log basis x={10 if look.axis.decimal else 2},"
    yield "  legend style={at={(0.5,-0.25)}, anchor=north, draw=none, font=\\small}, legend cell align=left,"
    yield "]"
    for place, (name, line) in enumerate(lines.items()):
        yield from _line(name, line, place, look, percent=share)
    yield "\\end{axis}"
    yield "\\end{tikzpicture}"


def _line(name: str, line: Sequence[Point], place: int, look: Look, *, percent: bool) -> Iterator[str]:
    red, green, blue = (int(style(place)["color"][at : at + 2], 16) for at in (1, 3, 5))
    dashes = _DASHES[place % len(_DASHES)]
    yield f"\\addplot+[mark size=1.5pt, {dashes}, color={{rgb,255:red,{red};green,{green};blue,{blue}}},"
    yield "  error bars/.cd, y dir=both, y explicit] coordinates {"
    factor = 100 if percent else 1
    for point in marked(line):
        middle = point.accuracy or 0.0
        low, high = (middle if end is None else end for end in (point.low, point.high))
        above, below = factor * (high - middle), factor * (middle - low)
        yield f"  ({look.place(point):.8g}, {factor * middle:.6g}) += (0, {above:.4g}) -= (0, {below:.4g})"
    yield "};"
    yield f"\\addlegendentry{{{escaped(name)}}}"
