"""What people see of a study: how it goes, its table and differences, and the files that hold them."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from tts_bench.analysis.compute import GENERATED, ComputeAxis
from tts_bench.analysis.curve import Point
from tts_bench.files import file_name, write_whole
from tts_bench.present import comparison as comparing
from tts_bench.present import plot, words
from tts_bench.present.exported import Csv
from tts_bench.present.look import Look
from tts_bench.present.progress import Progress
from tts_bench.present.report.page import check_target, page
from tts_bench.present.report.payload import EMPTY, build
from tts_bench.present.report.texts import Kept
from tts_bench.present.report.verdicts import Pooled, of_front
from tts_bench.studies.folder import State
from tts_bench.studies.part import Outcome
from tts_bench.studies.results import Compared, StudyData
from tts_bench.studies.study import Part
from tts_bench.text import only_ascii, safe

if TYPE_CHECKING:
    from tts_bench.runs.run import Run

TABLE, COMPARISONS, REPORT, FIGURES = "table.csv", "comparisons.json", "report.html", "figures"
_STATES = {
    "finished": "finished",
    "errors": "finished, with errors",
    "running": "running",
    "begun": "not finished",
    "failed": "failed",
    "not begun": "not begun",
}


class Shown:
    """Tells how a study goes: a line for each part, and the progress of a part that is played in this process."""

    def __init__(self, total: int, console: Console | None = None, *, quiet: bool = False) -> None:
        """Show on `console`, by default on standard error; nothing where it is `quiet`. `total`: parts to be played."""
        self._console = console or Console(stderr=True, quiet=quiet)
        self._total, self._quiet, self._ended = total, quiet, 0

    def begun(self, part: Part) -> None:
        """A part is begun."""

    @contextmanager
    def progress(self, part: Part, run: Run) -> Iterator[Progress]:
        """The display of a run."""
        with Progress(len(run.items), list(run.labels.values()), quiet=self._quiet) as progress:
            progress.stage(part.name)
            yield progress

    def ended(self, outcome: Outcome) -> None:
        """A part has ended."""
        self._ended += 1
        line = f"{self._ended}/{self._total} {outcome.part.name}: {ending(outcome)}"
        self._console.print(Text(safe(line)), soft_wrap=True)


def ending(outcome: Outcome) -> str:
    """What came of a part, in words."""
    if outcome.message:
        return f"failed: {outcome.message}"
    if outcome.errors:
        return f"finished, with {outcome.errors} error{'s' if outcome.errors > 1 else ''}"
    return "finished before" if outcome.found else "finished"


def show_states(states: Sequence[State], console: Console) -> None:
    """Print how far each part has come, and below the table why some failed."""
    cells = [
        [
            state.part.name,
            _STATES[state.kind],
            f"{state.done:,} of {state.of:,}" if state.of else "",
            f"{state.errors:,}" if state.errors else "",
        ]
        for state in states
    ]
    finished = sum(state.readable for state in states)
    title = f"{finished} of {len(states)} parts are finished"
    headings = ("part", "state", "records", "errors")
    console.print(comparing.table(title, headings, cells, only_ascii(console.encoding), console.width, wrapped=(1,)))
    for state in states:
        if state.message and not state.readable:
            console.print(Text(safe(f"{state.part.name}: {state.message}")), soft_wrap=True)


def states_document(states: Sequence[State]) -> dict[str, object]:
    """What `show_states` prints, as JSON values."""
    parts = [
        {"part": one.part.name, "state": one.kind, "records": one.done, "of": one.of, "errors": one.errors,
         "message": one.message}
        for one in states
    ]  # fmt: skip
    return {"parts": parts}


def document(data: StudyData, compared: Compared | None) -> dict[str, object]:
    """What `show` prints, as JSON values; `comparisons` is null where nothing is compared."""
    return {
        "table": data.rows(),
        "comparisons": _compared(data, compared) if compared else None,
        "notes": list(data.notes),
    }


def _compared(data: StudyData, compared: Compared) -> dict[str, object]:
    return comparing.content(compared.comparison, prefixed(data), names=compared.listed())


def show(data: StudyData, compared: Compared | None, console: Console) -> None:
    """Print the table of each task, and what the study's comparisons say."""
    headings: list[str] = []
    points = prefixed(data)
    for task in dict.fromkeys(point.task for point in points):
        here = [point for point in points if point.task == task]
        names, cells = comparing.accuracies(here, console.width)
        headings += names
        sizes = {point.n for point in here}
        title = f"{task}: {here[0].metric}, 95% interval" + (f", {sizes.pop():,} problems" if len(sizes) == 1 else "")
        console.print(comparing.table(title, names, cells, only_ascii(console.encoding), console.width))
    console.print(Text(f"{comparing.measured(headings)}."))
    said = [*data.notes]
    if compared is not None:
        _show_compared(compared, console)
        said = [*words.paragraphs(compared.comparison), *said]
    if said:
        console.print(Text("\n\n".join(safe(one, ascii_only=only_ascii(console.encoding)) for one in said)))


def _show_compared(compared: Compared, console: Console) -> None:
    stated = list(zip(compared.listed(), compared.comparison.statements, strict=True))
    for task in dict.fromkeys(statement.task for _, statement in stated):
        here = [(name, statement) for name, statement in stated if statement.task == task]
        cells = words.rows([statement for _, statement in here])
        rows = [[f"{name}: {row[0]}" if name else row[0], *row[1:]] for (name, _), row in zip(here, cells, strict=True)]
        console.print(
            comparing.table(f"{task}, differences", words.COLUMNS, rows, only_ascii(console.encoding), console.width)
        )


def prefixed(data: StudyData) -> list[Point]:
    """The points of a study, whose strategies are called by model and name where there are several models."""
    several = len(data.study.models) > 1
    return [
        replace(line.point, strategy=f"{line.model}/{line.point.strategy}") if several else line.point
        for line in data.lines
    ]


def csv_of(data: StudyData) -> bytes:
    """The study's one table as CSV: a header, `\\n` at line ends, empty fields where there is no value."""
    rows = data.rows()
    text = Csv()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator=Csv.END)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode("utf-8", "backslashreplace")


def write(
    data: StudyData,
    compared: Compared | None,
    *,
    axis: ComputeAxis = GENERATED,
    texts: Kept = "all",
    max_mb: float = 30.0,
) -> list[Path]:
    """Write table, comparisons, a figure for each task and the page into the study's folder, and name the files.

    Raises:
        UserError: there is something in the page's place that is not a report.
        OSError: a file cannot be written; what was there stays.
    """
    out = data.study.out
    check_target(out / REPORT)
    files = {out / TABLE: csv_of(data)}
    if compared is not None:
        files[out / COMPARISONS] = comparing.document(_compared(data, compared))
    made = page(
        build(data.folders, texts=texts, room=round(max_mb * 1e6) - len(page(EMPTY)), pooled=pooled(data, compared))
    )
    files[out / REPORT] = made.encode()
    for path, content in files.items():
        write_whole(path, content)
    return [*files, *write_figures(data, axis=axis)]


def write_figures(data: StudyData, *, axis: ComputeAxis = GENERATED) -> list[Path]:
    """A figure for each task, as PNG and SVG: a panel for each model, the same colour for a strategy in all.

    What a figure cannot show stands in the notes of `data`.
    """
    folder, written = data.study.out / FIGURES, []
    title = next(iter(data.study.models)) if len(data.study.models) == 1 else ""
    folder.mkdir(exist_ok=True)
    for task in dict.fromkeys(line.point.task for line in data.lines):
        figure = plot.draw(panels(data, task), Look(title, axis), strategies=data.strategies())
        for kind in ("png", "svg"):
            path = folder / f"{file_name(task)}.{kind}"
            unshown = plot.save(figure, path)
            data.notes += [unshown] if unshown and unshown not in data.notes else []
            written.append(path)
    return written


def panels(data: StudyData, task: str) -> list[Point]:
    """The points of one task, whose panels are called by task and model where there are several models."""
    return [replace(line.point, task=_panel(data, line.model, task)) for line in data.lines if line.point.task == task]


def _panel(data: StudyData, model: str, task: str) -> str:
    return f"{task}, {model}" if len(data.study.models) > 1 else task


def pooled(data: StudyData, compared: Compared | None) -> Pooled:
    """What the page says of the runs."""
    places = {name: place for place, name in enumerate(data.strategies())}
    points: list[dict[str, Any]] = [
        {**point.flat(), "panel": _panel(data, line.model, point.task), "place": places[line.point.strategy]}
        for line, point in zip(data.lines, prefixed(data), strict=True)
    ]
    said = words.sentences(compared.comparison) if compared else []
    why = ": there is one strategy only" if len(places) == 1 else ""
    reading = words.reading(compared.comparison) if compared else f"Nothing is compared{why}."
    verdicts = {
        "sentences": said,
        "reading": " ".join([reading, *data.notes]),
        "points": points,
        "pooled": True,
        **of_front(
            [
                replace(budget, task=_panel(data, model, budget.task))
                for model, budgets in data.fronts().items()
                for budget in budgets
            ]
        ),
    }
    return Pooled(verdicts, data.labels)
