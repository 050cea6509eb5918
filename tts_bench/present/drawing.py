"""A curve drawn with characters: braille dots for lines and a symbol for each strategy, or plain ASCII."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from rich.text import Text

from tts_bench.analysis.compute import GENERATED, ComputeAxis
from tts_bench.analysis.curve import Point, marked
from tts_bench.present.axis import Axis, accuracy_axis, token_axis
from tts_bench.text import safe

_ROWS = 12
_COLOURS = ("blue", "red", "green", "magenta", "cyan", "yellow")
_BITS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))  # of a braille cell's dots, by column and row


@dataclass(frozen=True)
class _Glyphs:
    symbols: str
    shared: str  # where symbols of several strategies fall on one place
    edge: str
    floor: str
    tick: str
    corner: str

    def dots(self, bits: int) -> str:
        return chr(0x2800 + bits) if self.symbols[0] == "●" else "."


_UNICODE = _Glyphs("●■▲◆▼★○□△◇▽☆", "⊕", "│", "─", "┬", "└")
_ASCII = _Glyphs("ox*#%@&AVHZ$", "=", "|", "-", "+", "+")


def drawing(
    lines: Mapping[str, Sequence[Point]], width: int, *, ascii_only: bool = False, axis: ComputeAxis = GENERATED
) -> Text:
    """Accuracy against compute (log2 axis) of one task's lines, `width` >= 30 columns wide."""

    def x(point: Point) -> float:
        return math.log2(axis.place(point))

    glyphs = _ASCII if ascii_only else _UNICODE
    scored = {name: [point for point in line if point.accuracy is not None] for name, line in lines.items()}
    everything = [point for line in scored.values() for point in line]
    if not everything:
        return Text("No scored record: nothing to draw.\n")
    upright = accuracy_axis([_y(point) for point in everything], percent=all(p.low is not None for p in everything))
    margin = max(map(len, upright.ticks.values())) + 1
    columns = width - margin - 2
    across = token_axis([axis.place(point) for point in everything], most=columns // 9, decimal=axis.decimal)
    canvas = _Canvas(columns)
    for place, line in enumerate(scored.values()):
        canvas.line([(across.share(x(point)), upright.share(_y(point))) for point in line], place)
        canvas.mark([(across.share(x(point)), upright.share(_y(point))) for point in marked(line)], place)
    text = Text()
    labels = {canvas.row_of(upright.share(tick)): label for tick, label in upright.ticks.items()}
    for row in range(_ROWS):
        text.append(f"{labels.get(row, ''):>{margin}} {glyphs.edge}")
        text.append_text(canvas.row(row, glyphs)).append("\n")
    text.append(_floor(across, columns, margin, glyphs))
    for words in textwrap.wrap(safe(axis.label, ascii_only=ascii_only), width):
        text.append(f"{words:>{width}}\n")
    for place, name in enumerate(scored):
        text.append(f"{'':{margin}} ").append(_symbol(place, glyphs), _colour(place))
        text.append(f" {safe(name, ascii_only=ascii_only)}\n")
    if canvas.shared:
        text.append(f"{'':{margin}} {glyphs.shared} several of them\n")
    return text


def _y(point: Point) -> float:
    return point.accuracy or 0.0


def _symbol(place: int, glyphs: _Glyphs) -> str:
    return glyphs.symbols[place % len(glyphs.symbols)]


def _colour(place: int) -> str:
    return _COLOURS[place % len(_COLOURS)]


def _floor(across: Axis, columns: int, margin: int, glyphs: _Glyphs) -> str:
    """The axis at the bottom, and the line of its labels."""
    floor, labels = [glyphs.floor] * columns, [" "] * (columns + margin + 2)
    for tick, label in across.ticks.items():
        column = round(across.share(tick) * (columns - 1))
        floor[column] = glyphs.tick
        start = min(margin + 2 + column - len(label) // 2, len(labels) - len(label))
        labels[start : start + len(label)] = label
    return f"{'':{margin}} {glyphs.corner}{''.join(floor)}\n{''.join(labels).rstrip()}\n"


@dataclass
class _Canvas:
    """Cells of 2 x 4 dots; places are given as shares of width and height, from the lower left corner."""

    columns: int
    dots: dict[tuple[int, int], int] = field(default_factory=dict)  # (column, row) -> bits
    owners: dict[tuple[int, int], int] = field(default_factory=dict)  # (column, row) -> line drawn there last
    marks: dict[tuple[int, int], set[int]] = field(default_factory=dict)

    def line(self, places: Sequence[tuple[float, float]], owner: int) -> None:
        for start, end in pairwise(map(self._dot, places)):
            steps = max(abs(end[0] - start[0]), abs(end[1] - start[1]), 1)
            for step in range(steps + 1):
                x, y = (round(a + (b - a) * step / steps) for a, b in zip(start, end, strict=True))
                cell = (x // 2, y // 4)
                self.dots[cell] = self.dots.get(cell, 0) | _BITS[x % 2][y % 4]
                self.owners[cell] = owner

    def mark(self, places: Sequence[tuple[float, float]], owner: int) -> None:
        for x, y in map(self._dot, places):
            self.marks.setdefault((x // 2, y // 4), set()).add(owner)

    @property
    def shared(self) -> bool:
        return any(len(owners) > 1 for owners in self.marks.values())

    def row_of(self, height: float) -> int:
        return self._dot((0.0, height))[1] // 4

    def row(self, row: int, glyphs: _Glyphs) -> Text:
        text = Text()
        for cell in ((column, row) for column in range(self.columns)):
            owners = self.marks.get(cell, set())
            if len(owners) > 1:
                text.append(glyphs.shared, "bold")
            elif owners:
                text.append(_symbol(min(owners), glyphs), _colour(min(owners)))
            elif cell in self.dots:
                text.append(glyphs.dots(self.dots[cell]), _colour(self.owners[cell]))
            else:
                text.append(" ")
        return text

    def _dot(self, place: tuple[float, float]) -> tuple[int, int]:
        return round(place[0] * (2 * self.columns - 1)), round((1 - place[1]) * (4 * _ROWS - 1))
