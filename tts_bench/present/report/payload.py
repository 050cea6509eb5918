"""What the page of a report draws: headers and curves of runs, and records as columns, which pack and load well.

`index` is one JSON object:
    version, notes, texts_note   text
    axes                         what compute is measured in: name, label, and weights over a point's costs
    measures                     the rows of `tts_bench.measures` that pages show
    runs                         name, header (run.json), labels, metrics and points (as `curve.Point`) of each
    tables                       distinct tasks, strategies, extracted answers, errors; columns name them by their place
    verdicts                     what the data support: sentences, how to read them, the points, and the front;
                                 of a study `pooled` is true, and each point has a panel and the place of its colour
    records                      columns: run, task, doc, repeat, strategy, error (-1: none), spent, blob, first, count
    answers                      columns: extracted (-1: none), costs, flags, and a column of scores for each metric;
                                 a record's answers stand at `first` and the `count` - 1 places after it
    blobs                        where each problem's blob begins in `texts`, and after the last one where it ends
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, groupby
from pathlib import Path
from typing import Any

from tts_bench import measures
from tts_bench.analysis.compute import AXES
from tts_bench.analysis.runs import Numbers, RunData, Source
from tts_bench.analysis.series import check_distinct, so_far
from tts_bench.measures import TOO_MUCH, Measure, Shown, named
from tts_bench.present.report.texts import Kept, Texts, packed
from tts_bench.present.report.verdicts import Pooled, golds, verdicts
from tts_bench.records import AnswerRecord, Record
from tts_bench.runs.unfinished import opened
from tts_bench.version import __version__


@dataclass(frozen=True)
class Payload:
    """`index` and `texts` as they stand in the page: ASCII without `<`."""

    index: str
    texts: str
    traces: int
    note: str  # what was left out; "" where nothing was


EMPTY = Payload("", "", 0, "")


def build(
    folders: Sequence[Path], *, texts: Kept = "all", room: int = 30_000_000, pooled: Pooled | None = None
) -> Payload:
    """One pass over the records of runs. Index and texts together have at most `room` characters.

    With `pooled`, the runs are those of a study: its lines are drawn, in its colours, and its comparisons are said.

    Where the texts do not fit, problems with errors come first, then those whose answers flip, then the others in
    their order. The index is never cut: it alone may be longer.

    Raises:
        UserError: as `opened` and its records; a folder named twice, without records, or with errors only.
    """
    sources = [opened(folder) for folder in folders]
    if pooled:
        labels = pooled.labels
        sources = [
            replace(one, header={**one.header, "labels": one.header.get("labels", {}) | labels}) for one in sources
        ]
    names = _names(folders)
    tables, columns, blobs = Tables(), Columns(), Texts()
    runs, data = [], []
    for place, (name, source) in enumerate(zip(names, sources, strict=True)):
        numbers = Numbers(source.path, source.header)
        runs.append(_run(place, name, source, numbers, (tables, columns, blobs)))
        data.append(numbers.run())
    index: dict[str, Any] = {
        "version": __version__,
        "axes": [{"name": axis.name, "label": axis.label, "weights": axis.weights} for axis in AXES.values()],
        "measures": [_measure(row) for row in measures.columns(Shown.PAGES)],
        "notes": [*_partial(names, data), *(note for run in runs for note in _notes(run))],
        "runs": runs,
        "verdicts": pooled.verdicts if pooled else verdicts(data),
        "tables": tables.lists(),
        "records": columns.records,
        "answers": {**columns.answers, "scores": columns.scores},
    }
    size = len(packed(index)) + 400 + 8 * len(blobs.blobs)  # the note, and `blobs` even if it could not be packed
    chosen = blobs.keep(texts, room - size)
    note = _left_out(chosen, blobs, texts)
    index |= {"texts_note": note, "blobs": [0, *accumulate(map(len, chosen))]}
    return Payload(packed(index), "".join(chosen), len(columns.records["doc"]), note)


class Tables:
    """Distinct values, named by their places."""

    def __init__(self) -> None:
        self._places: dict[str, dict[str, int]] = {name: {} for name in ("task", "strategy", "extracted", "error")}

    def place(self, table: str, value: str | None) -> int:
        """-1 for None."""
        return -1 if value is None else self._places[table].setdefault(value, len(self._places[table]))

    def lists(self) -> dict[str, list[str]]:
        return {name: list(places) for name, places in self._places.items()}


_TRACED = (
    "prompt", "thinking", "forced", "answer", "context", "probe", "discarded", "sequential", "truncated", "cues_wanted",
    "cues",
)  # fmt: skip
_READS = {name: named(name).reader for name in _TRACED}
_RECORD = ("run", "task", "doc", "repeat", "strategy", "error", "spent", "blob", "first", "count")


@dataclass
class Columns:
    records: dict[str, list[int]] = field(default_factory=lambda: {name: [] for name in _RECORD})
    answers: dict[str, list[int]] = field(default_factory=lambda: {name: [] for name in ("extracted", *_READS)})
    scores: dict[str, list[float | None]] = field(default_factory=dict)

    def add(self, record: Record, run: int, blob: int, tables: Tables) -> None:
        error = f"{record.error.kind}: {record.error.message}" if record.error else None
        values = (
            run,
            tables.place("task", record.task),
            record.doc_id,
            record.repeat,
            tables.place("strategy", record.strategy),
            tables.place("error", error),
            record.spent.generated,
            blob,
            len(self.answers["extracted"]),
            len(record.answers),
        )
        for name, value in zip(_RECORD, values, strict=True):
            self.records[name].append(value)
        for answer in record.answers:
            self._answer(record, answer, tables)

    def _answer(self, record: Record, answer: AnswerRecord, tables: Tables) -> None:
        place = len(self.answers["extracted"])
        self.answers["extracted"].append(tables.place("extracted", answer.extracted))
        for name, read in _READS.items():
            self.answers[name].append(int(read(record, answer)))
        for metric in answer.scores:
            if metric not in self.scores:
                self.scores[metric] = [None] * place
        for metric, column in self.scores.items():
            score = answer.scores.get(metric)
            column.append(int(score) if score in (0, 1) else score)


def _names(folders: Sequence[Path]) -> list[str]:
    """What runs are called in the page: their folders' names, or as they were typed where those are the same."""
    check_distinct(folders)
    names = [folder.resolve().name for folder in folders]
    return names if len(set(names)) == len(names) else [str(folder) for folder in folders]


def _run(
    place: int, name: str, source: Source, numbers: Numbers, kept: tuple[Tables, Columns, Texts]
) -> dict[str, Any]:
    """Name, header and curve of a run, whose records go to `numbers` and `kept` while they are read."""
    header, (tables, columns, blobs) = source.header, kept
    metrics = header["metrics"]
    right = {task: golds(source.path, task) for task in metrics}

    for _, group in groupby(source.records(), key=lambda record: record.key):
        records = list(group)
        strategies = [tables.place("strategy", record.strategy) for record in records]
        for record in records:
            numbers.add(record)
            columns.add(record, place, len(blobs.blobs), tables)
        task, doc = records[0].task, records[0].doc_id
        blobs.add(records, strategies, metrics[task], right[task].get(doc))
    return {
        "name": name,
        "header": header,
        "labels": header.get("labels", {}),
        "metrics": metrics,
        "points": [point.flat() for point in numbers.curve()],
    }


def _measure(row: Measure) -> dict[str, Any]:
    """What the page has to know of a row to show it as the terminal does."""
    return {
        "name": row.name,
        "label": row.label,
        "meaning": row.legend,
        "unit": row.unit,
        "compared": row in measures.costs(Shown.WIDE),
        "out_of": row.out_of,
        "beside": row.beside,
        "too_much": TOO_MUCH,
    }


def _partial(names: Sequence[str], runs: Sequence[RunData]) -> Iterator[str]:
    """Which runs are not finished: it stands before all else."""
    for name, run in zip(names, runs, strict=True):
        if said := so_far(run):
            yield f"{name} is not finished: {said}."


def _notes(run: dict[str, Any]) -> Iterator[str]:
    """What a reader has to know before the numbers."""
    errors = {(point["task"], point["strategy"]): point["errors"] for point in run["points"]}
    if failed := sum(errors.values()):
        yield f"{run['name']}: {failed:,} problems ended in errors; wrong in Of all, excluded from accuracies."
    for point in {(point["task"], point["strategy"]): point for point in run["points"]}.values():  # the last of each
        if (point["spent"] or 0.0) > TOO_MUCH * point["generated"] > 0:
            name = run["labels"].get(point["strategy"], point["strategy"])
            yield (
                f"{run['name']}: {name} made {point['spent']:,.0f} tokens per problem on {point['task']} and is billed "
                f"{point['generated']:,.0f}."
            )
    if run["header"].get("engine", {}).get("name") == "replay":
        yield f"{run['name']}: outputs were imported, and nothing was generated: {run['header']['model']['source']}."
    if run["header"].get("thinking_format", {}).get("mode") == "end-of-turn":
        yield (
            f"{run['name']}: its model has no thinking delimiter, so the end of turn counts as the end of thinking; "
            "the scores are not those of its plain responses."
        )


def _left_out(chosen: list[str], blobs: Texts, kept: Kept) -> str:
    held, groups = sum(map(bool, chosen)), len(chosen)
    if held == groups:
        return ""
    why = {
        "none": "--texts none keeps none.",
        "errors": "--texts errors keeps problems with an error.",
        "flips": "--texts flips keeps problems with an error or with an answer that flips between rungs.",
        "all": "",
    }[kept]
    wanted = blobs.wanted(kept)
    if held < wanted:
        why += f" {wanted - held:,} more would have made it too big (--max-mb); errors and flips came first."
    return f"This file holds the texts of {held:,} of {groups:,} problems. {why.strip()}"
