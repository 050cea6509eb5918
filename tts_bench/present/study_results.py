"""A study in Python: its table, answers, comparisons and figures, as `tts-bench study report` shows them."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from tts_bench.analysis.compute import axis_of
from tts_bench.analysis.family import Comparison
from tts_bench.analysis.rows import rows
from tts_bench.errors import UserError, did_you_mean
from tts_bench.present.frames import polars
from tts_bench.present.look import Look
from tts_bench.present.study import panels
from tts_bench.studies import given
from tts_bench.studies.file import read
from tts_bench.studies.results import StudyData

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    from matplotlib.figure import Figure


class StudyResults:
    """What is finished of the study in a file, or in the folder of one. `notes` says what is not.

    Raises:
        UserError: a mistake in the file, nothing that is finished, or parts that cannot be looked at together.
    """

    def __init__(self, file: str | Path) -> None:
        self._data = StudyData(read(given.path("file", file)))
        self.folders = tuple(self._data.folders)
        self.notes = tuple(self._data.notes)

    def table(self) -> pd.DataFrame:
        """A row for each model, task, strategy and rung: means over seeds, interval, spread between seeds, costs."""
        import pandas as pd

        return pd.DataFrame(self._data.rows())

    def to_pandas(self) -> pd.DataFrame:
        """A row for each problem, strategy, rung and part; `tts_bench.analysis.rows.CODEBOOK` has the columns."""
        import pandas as pd

        return pd.DataFrame([row for folder in self.folders for row in rows(folder)])

    def to_polars(self) -> pl.DataFrame:
        """The same rows for polars.

        Raises:
            UserError: polars is not installed.
        """
        return polars(row for folder in self.folders for row in rows(folder))

    def compare(self, *, axis: str = "tokens", seed: int = 0) -> Comparison:
        """The study's one family of differences. `seed`: of the bootstrap.

        Raises:
            UserError: no such axis, a seed that is none, or nothing to compare.
        """
        along, seed = axis_of(given.text("axis", axis), {}), given.whole("seed", seed, least=0)
        compared = self._data.compare(axis=along, seed=seed)
        if compared is None:
            raise UserError(
                "the study has nothing to compare: one strategy only, no part with both of a pair, or no problem that "
                "both finished."
            )
        return compared.comparison

    def plot(self, task: str, path: str | Path | None = None, *, axis: str = "tokens") -> Figure:
        """The figure of one task, a panel for each model, also written to `path` if there is one (.png, .svg or .pdf).

        Raises:
            UserError: no such axis or task, another kind of file, or a folder that does not exist.
            OSError: the file cannot be written.
        """
        from tts_bench.present import plot

        file = None if path is None else plot.checked(given.path("path", path))
        look = Look(axis=axis_of(given.text("axis", axis), {}))
        tasks = dict.fromkeys(line.point.task for line in self._data.lines)
        if given.text("task", task) not in tasks:
            raise UserError(f"the study has no task {task!r}. {did_you_mean(task, tasks)}")
        figure = plot.draw(panels(self._data, task), look, strategies=self._data.strategies())
        if file is not None and (unshown := plot.save(figure, file)):
            warnings.warn(unshown, stacklevel=2)
        return figure

    def __repr__(self) -> str:
        return f"StudyResults({self._data.study.out}: {len(self.folders)} of {len(self._data.states)} parts)"
