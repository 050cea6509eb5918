"""The answers of runs as flat rows: one for each problem, strategy and rung, with scores, costs and flags."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tts_bench.analysis.runs import Source, finished
from tts_bench.measures import MEASURES, values_of
from tts_bench.records import AnswerRecord, Record

Row = dict[str, Any]

_FLAGS = ("truncated", "no_answer", "cues_wanted", "cues")
_COSTS = tuple(row for row in MEASURES if row.name not in _FLAGS and row.unit in ("tokens", "FLOPs") and not row.short)
_OVER_PROBLEMS = ("generated_median", "generated_p90")  # of one problem they are `generated`
CODEBOOK: dict[str, str] = {
    "run": "the run's folder",
    "model": "name of the model",
    "seed": "the run's seed",
    "task": "task",
    "problem": "task and number of the document",
    "doc_id": "number of the document in its task",
    "repeat": "number of the repeat of a document, from 0",
    "strategy": "strategy, without options that are at their defaults",
    "strategy_id": "strategy with all options: what files and plugins call it",
    "rung": "name of the rung; empty where the strategy failed",
    "rung_index": "place of the rung, from 0",
    "last": "whether it is the strategy's last rung",
    "score": "value of the task's main metric; empty where the strategy failed",
    "metric": "name of that metric",
    "extracted": "canonical form of the answer, as it counts in votes; empty if there is none",
    "text": "the answer as it was scored",
    **{row.name: f"{row.meaning} [{row.unit}]" for row in _COSTS if row.name not in _OVER_PROBLEMS},
    "truncated": "whether any thinking that the answer depends on reached its budget",
    "cues_wanted": "cues requested",
    "cues": "cues inserted",
    "ballots": "answers that a plain vote counted; 0 where it is of no such vote",
    "error_kind": "raised, timeout, nothing, misuse or engine; empty if there is no error",
    "error": "message of the error",
}


def rows(folder: Path, opened: Callable[[Path], Source] = finished) -> Iterator[Row]:
    """The rows of the run in `folder`, in the order of its records; keys as in `CODEBOOK`.

    Other metrics of a task are keys `metric:NAME`. A strategy that failed on a problem is one row without a rung.

    `opened` opens the folder; it may take runs that are not finished.

    Raises:
        UserError: no finished run, or records that are not as the run left them.
    """
    source = opened(folder)
    header = source.header
    of_run = {
        "run": (folder.name or folder.resolve().name).encode("utf-8", "backslashreplace").decode(),
        "model": str(header.get("model", {}).get("name", "")),
        "seed": int(header["identity"]["seed"]),
    }
    labels = header.get("labels", {})
    for record in source.records():
        named = {"strategy": labels.get(record.strategy, record.strategy), "strategy_id": record.strategy}
        common = {**of_run, **_problem(record), **named}
        metric = header["metrics"].get(record.task, "")
        for place, answer in enumerate(record.answers):
            yield _filled({**common, **_answer(record, answer, place, metric)})
        if record.error is not None:
            yield _filled({**common, "error_kind": record.error.kind, "error": record.error.message})


def _problem(record: Record) -> Row:
    return {"task": record.task, "problem": record.problem, "doc_id": record.doc_id, "repeat": record.repeat}


def _answer(record: Record, answer: AnswerRecord, place: int, metric: str) -> Row:
    read = {row.name: row.reader(record, answer) for row in MEASURES if not row.parts}
    others = {f"metric:{name}": value for name, value in answer.scores.items() if name != metric}
    return {
        "rung": answer.rung,
        "rung_index": place,
        "last": place == len(record.answers) - 1,
        "score": answer.scores.get(metric),
        "metric": metric,
        "extracted": answer.extracted,
        "text": answer.text,
        **{row.name: _number(values_of(row, read)) for row in _COSTS if row.name not in _OVER_PROBLEMS},
        "truncated": answer.truncated,
        "cues_wanted": answer.cues_wanted,
        "cues": answer.cues,
        "ballots": answer.ballots,
        **others,
    }


def _filled(row: Row) -> Row:
    return {**dict.fromkeys(CODEBOOK), **row}


def _number(value: float) -> float | int:
    return int(value) if float(value).is_integer() else value
