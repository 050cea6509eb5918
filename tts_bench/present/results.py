"""Runs in Python: tables, records, comparisons and figures, as the commands show them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from functools import cached_property
from html import escape
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tts_bench.analysis.compare import compare
from tts_bench.analysis.compute import axis_of, comparable
from tts_bench.analysis.curve import Point
from tts_bench.analysis.family import Comparison
from tts_bench.analysis.rows import rows
from tts_bench.analysis.runs import RunData
from tts_bench.analysis.series import curve_of, series_of
from tts_bench.errors import UserError
from tts_bench.files import write_whole
from tts_bench.present.frames import polars
from tts_bench.present.look import SIZES, Look, inches
from tts_bench.records import Record
from tts_bench.runs.unfinished import opened, read
from tts_bench.studies import given

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    from matplotlib.figure import Figure


class Results:
    """One run, or several that are looked at together; runs that differ only in the seed are pooled.

    Of a run that is not finished, the problems that all of its strategies have finished are here, scored as the run
    itself will score them; `differences` says how many these are.

    Accuracy is by the metric called `metric`, such as "lenient", or by each task's main one.

    Raises:
        UserError: no run, no finished problem, no such metric, or runs that cannot be compared (`allow_different`
            compares them all the same).
    """

    def __init__(self, *folders: str | Path, allow_different: bool = False, metric: str | None = None) -> None:
        self.folders = tuple(given.path("folder", folder) for folder in folders)
        metric = None if metric is None else given.text("metric", metric)
        self._runs: Sequence[RunData] = [read(folder, metric) for folder in self.folders]
        advice = "load(..., allow_different=True) takes such runs and says so in differences."
        self._series, self.differences = series_of(self._runs, allow_different=allow_different, advice=advice)

    @cached_property
    def curve(self) -> list[Point]:
        """Each rung of each strategy on each task: accuracy with its interval, and means of what it cost."""
        return curve_of(self._series)

    def table(self) -> pd.DataFrame:
        """`curve` as a table: a row for each rung. A vote of k is the expectation over all votes of k samples."""
        import pandas as pd

        ids = {one.name: one.strategy for one in self._series}
        points = ({**point.flat(), "strategy_id": ids[point.strategy]} for point in self.curve)
        return pd.DataFrame([{key: value for key, value in point.items() if key != "metrics"} for point in points])

    def records(self) -> Iterator[Record]:
        """Every strategy on every problem, with its trace, one after the other, as they stand in the folders."""
        for folder in self.folders:
            yield from opened(folder).records()

    def to_pandas(self) -> pd.DataFrame:
        """A row for each problem, strategy and rung; `tts_bench.analysis.rows.CODEBOOK` says what the columns are."""
        import pandas as pd

        return pd.DataFrame([row for folder in self.folders for row in rows(folder, opened)])

    def to_polars(self) -> pl.DataFrame:
        """The same rows for polars.

        Raises:
            UserError: polars is not installed.
        """
        return polars(row for folder in self.folders for row in rows(folder, opened))

    def compare(self, *, baseline: str | None = None, axis: str = "tokens", seed: int = 0) -> Comparison:
        """Paired differences with intervals and tests, as `tts-bench compare` prints them. `seed`: of the bootstrap.

        Raises:
            UserError: no such axis or baseline, or a seed that is none.
        """
        seed = given.whole("seed", seed, least=0)
        return compare(self._series, axis=comparable(given.text("axis", axis)), baseline=baseline, seed=seed)

    def plot(
        self,
        path: str | Path | None = None,
        *,
        axis: str = "tokens",
        title: str = "",
        linear: bool = False,
        size: tuple[float, float] | None = None,
    ) -> Figure:
        """The curve as a figure of matplotlib, also written to `path` if there is one (.png, .svg, .pdf or .tex).

        `linear` makes compute a linear axis; `size` is width and height of the whole figure in inches.

        Raises:
            UserError: no such axis, a title or size that is none, another kind of file, or a folder that does not
                exist.
            OSError: the file cannot be written.
        """
        from tts_bench.present import pgfplots, plot

        file = None if path is None else plot.checked(given.path("path", path), (*plot.KINDS, "tex"))
        along = axis_of(given.text("axis", axis), self._runs[0].header)
        look = Look(given.text("title", title), along, linear, None if size is None else _inches(size))
        figure = plot.draw(self.curve, look)
        if file is not None and file.suffix.lower() == ".tex":
            write_whole(file, pgfplots.tex(self.curve, look).encode())
        elif file is not None and (unshown := plot.save(figure, file)):
            warnings.warn(unshown, stacklevel=2)
        return figure

    def __repr__(self) -> str:
        strategies = dict.fromkeys(point.strategy for point in self.curve)
        return f"Results({', '.join(map(str, self.folders))}: {', '.join(strategies)})"

    def _repr_html_(self) -> str:
        """What a notebook shows: the terminal's table and the figure."""
        from rich.console import Console

        from tts_bench.analysis.curve import by_line
        from tts_bench.present import plot, terminal

        console = Console(file=StringIO(), width=120, force_jupyter=False, color_system=None, markup=False, emoji=False)
        for task, lines in by_line(self.curve).items():
            console.print(terminal.table(task, lines, console.width))
        said: Any = console.file
        return f"<pre>{escape(said.getvalue())}</pre>{plot.svg(self.curve)}"


def _inches(size: tuple[float, float]) -> tuple[float, float]:
    try:
        return inches(size)
    except (TypeError, ValueError) as error:
        raise UserError(f"size is {given.shown(size)}; it takes width and height {SIZES} (3.3, 2.4).") from error
