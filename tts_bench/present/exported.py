"""Runs as files that other programs read: CSV, JSON Lines, Parquet, and a LaTeX table of the curve."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from tts_bench.analysis.curve import Point, by_line, marked
from tts_bench.analysis.rows import Row, rows
from tts_bench.analysis.runs import read_run
from tts_bench.analysis.series import check_distinct, curve_of, series_of
from tts_bench.text import safe

_LATEX = str.maketrans(
    {char: f"\\{char}" for char in "&%$#_{}"}
    | {
        "\\": "\\textbackslash{}",
        "~": "\\textasciitilde{}",
        "^": "\\textasciicircum{}",
        "<": "{<}",
        ">": "{>}",
        '"': "{''}",
        "[": "{[}",  # where a row begins, it and a star would be options of the line break before it
        "*": "{*}",
    }
)


class Csv(io.StringIO):
    """What rows of CSV are written to, by a writer that ends each with `END`: here they end in `\n`.

    Before Python 3.13, the standard library quotes only those line breaks that its rows end in: a lone `\r` of a text
    would begin a row.
    """

    END = "\r\n"

    def write(self, row: str) -> int:
        return super().write(row.removesuffix(self.END) + "\n")


def data(folders: Sequence[Path], kind: str) -> bytes:
    """The runs as the bytes of a file of that kind: csv, jsonl, parquet or latex.

    CSV has a header, `\\n` at line ends, and empty fields where there is no value. a line of JSON Lines has each key.

    Raises:
        UserError: no finished run, one folder twice, or, for latex, runs that cannot be looked at together.
    """
    check_distinct(folders)
    if kind == "latex":
        series, _ = series_of([read_run(folder) for folder in folders], advice="Export them one by one.")
        return latex(curve_of(series)).encode()
    every = _together(folders)
    if kind == "jsonl":
        return "".join(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in every).encode()
    import pandas as pd

    frame = pd.DataFrame(list(every))
    if kind == "parquet":
        buffer = io.BytesIO()
        frame.to_parquet(buffer, index=False)
        return buffer.getvalue()
    text = Csv()
    frame.to_csv(text, index=False, lineterminator=Csv.END)
    return text.getvalue().encode()


def latex(curve: Sequence[Point]) -> str:
    """A table for each task, for the package booktabs: strategy, rung, accuracy with its interval, tokens."""
    parts = []
    for task, lines in by_line(curve).items():
        body = [row for name, line in lines.items() for row in _tex_rows(name, line)]
        parts.append(
            f"% {escaped(task)}: {escaped(next(iter(lines.values()))[0].metric)}, 95% Wilson interval\n"
            "\\begin{tabular}{llrrr}\n\\toprule\n"
            "strategy & rung & accuracy (\\%) & tokens & median \\\\\n\\midrule\n"
            + "\n".join(body)
            + "\n\\bottomrule\n\\end{tabular}\n"
        )
    return "\n".join(parts)


def escaped(text: str) -> str:
    """`text` as LaTeX sets it: no character of a name is a command."""
    return safe(text, ascii_only=True).translate(_LATEX)


def _tex_rows(name: str, line: Sequence[Point]) -> Iterator[str]:
    for place, point in enumerate(marked(line)):
        accuracy = "--"
        if point.accuracy is not None:
            accuracy = f"{100 * point.accuracy:.1f}" if point.low is not None else f"{point.accuracy:.3g}"
        if point.low is not None and point.high is not None:
            accuracy += f" [{100 * point.low:.1f}, {100 * point.high:.1f}]"
        tokens = [f"{value:,.0f}" if value is not None else "--" for value in (point.generated, point.generated_median)]
        yield " & ".join([escaped(name) if place == 0 else "", escaped(point.rung), accuracy, *tokens]) + r" \\"


def _together(folders: Sequence[Path]) -> Iterator[Row]:
    """Rows with the same keys: those that only some runs have are None elsewhere."""
    every = [row for folder in folders for row in rows(folder)]
    keys = dict.fromkeys(key for row in every for key in row)
    yield from ({key: row.get(key) for key in keys} for row in every)
