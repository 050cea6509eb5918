"""A ranking's curves as a small SVG: text of a few kilobytes that is the same on every machine.

matplotlib's would change with its version and its fonts, and `check` would call a page stale that nobody touched.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from tts_bench.analysis.compute import GENERATED
from tts_bench.present.axis import Axis, accuracy_axis, token_axis
from tts_bench.present.leaderboard.entry import MARK, Rung
from tts_bench.present.leaderboard.ranking import Ranking

# Colours of Okabe and Ito; dashes and marks tell the lines apart without them.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00", "#56B4E9")
_DASHES = ("none", "7 3", "2 2", "9 3 2 3")
_MARKS = ("M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0", "M-4-4h8v8h-8z", "M0-5l5 9h-10z", "M0-5l5 5l-5 5l-5-5z", "M0 5l5-9h-10z")
_WIDTH, _HEIGHT, _LEFT, _TOP, _RIGHT, _LINE = 640, 300, 52, 34, 16, 18


def figure(ranking: Ranking) -> str:
    """Accuracy against generated tokens, log2, of every row of `ranking`, with 95% intervals as bands."""
    # By name, not by rank: a strategy then looks alike in the figures of all tasks.
    named = sorted(
        zip(ranking.names, (list(row.line.rungs.items()) for row in ranking.rows), strict=True),
        key=lambda pair: pair[0],
    )
    lines = [line for _, line in named]
    plot = _Plot([rung for line in lines for _, rung in line])
    legend = _TOP + _HEIGHT + 44
    parts = [*plot.frame(ranking)]
    for place, line in enumerate(lines):
        parts += plot.line(line, place)
    for place, name in enumerate(name for name, _ in named):
        y = legend + _LINE * place
        parts += [
            f'<path d="M{_LEFT} {y}h34" {_stroke(place)}/>',
            f'<path d="{_mark(place)}" transform="translate({_LEFT + 17} {y})" fill="{_colour(place)}"/>',
            f'<text x="{_LEFT + 42}" y="{y + 4}">{escape(name)}</text>',
        ]
    height = legend + _LINE * len(lines)
    title = escape(f"{ranking.model} on {ranking.task}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'font-family="sans-serif" font-size="12" fill="#222">\n<!-- {MARK} -->\n'
        f"<title>{title}: accuracy against generated tokens</title>\n"
        f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


class _Plot:
    def __init__(self, rungs: Sequence[Rung]) -> None:
        heights = [value for rung in rungs for value in (rung.accuracy, rung.low, rung.high) if value is not None]
        self.x: Axis = token_axis([GENERATED.place(rung) for rung in rungs], most=8)
        self.percent = all(rung.low is not None for rung in rungs)
        self.y: Axis = accuracy_axis(heights, percent=self.percent)

    def frame(self, ranking: Ranking) -> list[str]:
        right, bottom = _WIDTH - _RIGHT, _TOP + _HEIGHT
        title = escape(f"{ranking.model} on {ranking.task}: {ranking.part.metric}, n = {ranking.part.problems:,}")
        parts = [f'<text x="{_LEFT}" y="20" font-size="14">{title}</text>']
        for tick, label in self.y.ticks.items():
            y = self._up(tick)
            parts.append(f'<path d="M{_LEFT} {y}H{right}" stroke="#ddd"/>')
            parts.append(f'<text x="{_LEFT - 6}" y="{y}" dy="4" text-anchor="end">{label}</text>')
        for tick, label in self.x.ticks.items():
            x = _number(_LEFT + self.x.share(tick) * (right - _LEFT))
            parts.append(f'<path d="M{x} {bottom}v5" stroke="#666"/>')
            parts.append(f'<text x="{x}" y="{bottom + 18}" text-anchor="middle">{label}</text>')
        parts.append(f'<path d="M{_LEFT} {bottom}H{right}" stroke="#666"/>')
        parts.append(f'<text x="{right}" y="{bottom + 34}" text-anchor="end">{escape(GENERATED.label)}</text>')
        return parts

    def line(self, line: Sequence[tuple[str, Rung]], place: int) -> list[str]:
        rungs = [rung for _, rung in line]
        parts = []
        if all(rung.low is not None for rung in rungs):
            ordered = sorted(rungs, key=lambda rung: rung.generated)
            edges = [self._at(r, r.low) for r in ordered] + [self._at(r, r.high) for r in reversed(ordered)]
            parts.append(f'<path d="M{"L".join(edges)}z" fill="{_colour(place)}" fill-opacity="0.08"/>')
        parts.append(f'<path d="M{"L".join(self._at(r, r.accuracy) for r in rungs)}" {_stroke(place)}/>')
        for name, rung in line:
            x, y = self._at(rung, rung.accuracy).split()
            accuracy = f"{rung.accuracy:.4g}" if rung.low is None else f"{100 * rung.accuracy:.1f}"
            told = escape(f"{name}: {accuracy} at {rung.generated:,.0f} tokens")
            parts.append(
                f'<path d="{_mark(place)}" transform="translate({x} {y})" fill="{_colour(place)}">'
                f"<title>{told}</title></path>"
            )
        return parts

    def _at(self, rung: Rung, value: float | None) -> str:
        across = self.x.share(math.log2(GENERATED.place(rung)))
        return f"{_number(_LEFT + across * (_WIDTH - _RIGHT - _LEFT))} {self._up(value or 0.0)}"

    def _up(self, value: float) -> str:
        return _number(_TOP + (1 - self.y.share(value)) * _HEIGHT)


def _number(value: float) -> str:
    return f"{value:.1f}"


def _colour(place: int) -> str:
    return _COLOURS[place % len(_COLOURS)]


def _mark(place: int) -> str:
    return _MARKS[place % len(_MARKS)]


def _stroke(place: int) -> str:
    return f'fill="none" stroke="{_colour(place)}" stroke-width="2" stroke-dasharray="{_DASHES[place % len(_DASHES)]}"'
