"""Runs read for analysis: each line of records checked, then kept as numbers only."""

from __future__ import annotations

import json
import math
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tts_bench.analysis.compute import COSTS, ComputeAxis
from tts_bench.analysis.pool import pool, verdicts
from tts_bench.analysis.votes import majority_at_k
from tts_bench.errors import UserError
from tts_bench.records import Record, from_line

Floats = NDArray[np.float64]
_HEADER_SCHEMA = 1
_FREE = ("strategies", "sources", "tasks", "limit", "seed", "timeout", "tts_bench", "data")


@dataclass(frozen=True)
class Line:
    """One strategy on one task: a row for each problem, a column for each rung. Repeats and seeds are averaged.

    A record with fewer answers than the longest keeps its last one on the later rungs, as on the curve.
    """

    task: str
    strategy: str
    metric: str  # the task's main metric
    documents: tuple[int, ...]
    prompts: tuple[str, ...]  # digest of each document's prompt as the model read it
    rungs: tuple[str, ...]
    values: dict[str, Floats]  # each (problems, rungs): costs, shares, cues, and a "score METRIC" for each metric
    votes: Floats | None  # (problems, rungs): exact expectation of the main metric over all votes of k; None: no pool
    errors: int  # documents left out
    seeds: int = 1

    @property
    def score(self) -> Floats:
        """The main metric as lm-eval gave it for each rung."""
        return self.values[f"score {self.metric}"]

    @property
    def expected(self) -> Floats:
        """The main metric, in the place of a vote of the first k samples the expectation over all votes of k."""
        return self.score if self.votes is None else self.votes

    def compute(self, axis: ComputeAxis) -> Floats:
        """What each rung cost on each problem, on `axis`."""
        return np.asarray(sum(factor * self.values[name] for name, factor in axis.weights.items()))


@dataclass(frozen=True)
class RunData:
    """A finished run."""

    path: Path
    header: dict[str, Any]
    lines: dict[str, dict[str, Line]]  # task -> strategy's id -> its line
    failed: tuple[tuple[str, str], ...] = ()  # task and strategy where every record is an error

    @property
    def seed(self) -> int:
        return int(self.header["identity"]["seed"])

    @property
    def settings(self) -> dict[str, Any]:
        """What its answers depend on besides strategy, seed and data."""
        return {key: value for key, value in self.header["identity"].items() if key not in _FREE}

    def label(self, strategy: str) -> str:
        return str(self.header.get("labels", {}).get(strategy, strategy))


def read_header(folder: Path) -> dict[str, Any]:
    """The run.json of a finished run.

    Raises:
        UserError: no folder of a run, another schema, or a run that is not finished.
    """
    path = folder / "run.json"
    try:
        header = json.loads(path.read_text("utf-8"))
        schema, status = header["schema"], header["status"]
        missing = {"metrics"} - set(header) | {"strategies", "data", "seed"} - set(header["identity"])
    except OSError as error:
        raise UserError(f"{folder} is no run's folder: {path} cannot be read ({error.strerror}).") from error
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is no header of a run: {error}. `tts-bench run` writes one.") from error
    if schema != _HEADER_SCHEMA:
        raise UserError(f"{path} has schema {schema!r}; this version reads {_HEADER_SCHEMA}. Repeat the run.")
    if missing:
        raise UserError(f"{path} is no whole header of a run: it lacks {', '.join(sorted(missing))}. Repeat the run.")
    if status != "finished":
        raise UserError(f"{folder} holds a run that is not finished ({status}). The command that began it finishes it.")
    return dict(header)


def read_records(folder: Path, header: dict[str, Any]) -> Iterator[Record]:
    """The records of a run, one after the other, each checked against the run's header.

    Raises:
        UserError: with file and line: what is cut off, no record, of another schema or another run, said twice, or
            holds a number that is not finite.
    """
    path = folder / "records.jsonl"
    seen: set[tuple[str, int, int, str]] = set()
    schema: int | None = None
    try:
        with path.open("rb") as file:
            for number, raw in enumerate(file, 1):
                try:
                    record = from_line(raw)
                    schema = schema or record.schema
                    _check(record, header, seen, schema)
                except ValueError as error:
                    cut = "" if raw.endswith(b"\n") else "the last line is cut off: "
                    raise UserError(f"{path}, line {number}: {cut}{error}. Repeat the run's command.") from error
                yield record
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}. Repeat the run's command.") from error


def _check(record: Record, header: dict[str, Any], seen: set[tuple[str, int, int, str]], schema: int) -> None:
    key = (*record.key, record.strategy)
    name = f"{record.problem} of {record.strategy!r}"
    if record.strategy not in header["identity"]["strategies"] or record.task not in header["metrics"]:
        raise ValueError(f"{name} belongs to another run: run.json does not know it")
    if key in seen:
        raise ValueError(f"{name} is there twice: the file holds more than one run")
    if record.schema != schema:
        raise ValueError(f"{name} has schema {record.schema}, lines before it {schema}: the file holds several runs")
    seen.add(key)
    if not record.answers and not record.error:
        raise ValueError(f"{name} has neither answer nor error")
    if record.error:
        return
    for answer in record.answers:
        if header["metrics"][record.task] not in answer.scores:
            raise ValueError(f"{name} has no score {header['metrics'][record.task]!r} on rung {answer.rung!r}")


def read_run(folder: Path) -> RunData:
    """A finished run, as numbers.

    Raises:
        UserError: as `read_header` and `read_records`; no record; or nothing but errors.
    """
    header = read_header(folder)
    rows: dict[tuple[str, str], _Rows] = {}
    for record in read_records(folder, header):
        key = (record.task, record.strategy)
        rows.setdefault(key, _Rows(header["metrics"][record.task])).add(record)
    if not rows:
        raise UserError(f"{folder / 'records.jsonl'} holds no record: there is nothing to analyse.")
    lines: dict[str, dict[str, Line]] = {}
    for (task, strategy), found in rows.items():
        if found.rows.keys() - found.failed:
            lines.setdefault(task, {})[strategy] = found.line(task, strategy)
    if not lines:
        raise UserError(
            f"{folder} holds errors only: no problem has an answer. Its records.jsonl says what went wrong."
        )
    failed = tuple(key for key, found in rows.items() if key[1] not in lines.get(key[0], {}))
    return RunData(folder, header, lines, failed)


class _Rows:
    """What is kept of the records of one line while they are read."""

    def __init__(self, metric: str) -> None:
        self.metric = metric
        self.rows: dict[int, list[array[float]]] = {}  # document -> repeat -> values, rung after rung
        self.prompts: dict[int, str] = {}
        self.votes: dict[int, list[Floats]] = {}
        self.rungs: tuple[str, ...] = ()
        self.metrics: tuple[str, ...] = ()
        self.failed: set[int] = set()

    def add(self, record: Record) -> None:
        if record.error:
            self.failed.add(record.doc_id)
            return
        self.metrics = self.metrics or tuple(record.answers[0].scores)
        rungs = tuple(answer.rung for answer in record.answers)
        longest, shorter = (rungs, self.rungs) if len(rungs) > len(self.rungs) else (self.rungs, rungs)
        if longest[: len(shorter)] != shorter:
            raise UserError(f"{record.problem} of {record.strategy!r} has rungs {rungs}, others have {self.rungs}.")
        self.rungs = longest
        values: list[float] = []
        for answer in record.answers:
            values += _facts(answer)
            values.append(answer.extracted is None)
            values += [answer.scores.get(metric, math.nan) for metric in self.metrics]
        self.rows.setdefault(record.doc_id, []).append(array("d", values))
        self.prompts[record.doc_id] = next((part.origin for part in record.segments if part.kind == "prompt"), "")
        if ballots := pool(record):
            said, scores = [ballot.extracted for ballot in ballots], verdicts(record, ballots, self.metric)
            if scores.keys() >= set(said):
                self.votes.setdefault(record.doc_id, []).append(majority_at_k(said, scores))

    def line(self, task: str, strategy: str) -> Line:
        documents = tuple(sorted(self.rows.keys() - self.failed))
        names = (*_FIELDS, *(f"score {metric}" for metric in self.metrics))
        # One buffer: numpy looks at arrays one by one for ten times as long.
        flat = b"".join(_mean([self._padded(row, len(names)) for row in self.rows[doc]]) for doc in documents)
        rows = np.frombuffer(flat).reshape(len(documents), len(self.rungs), len(names))
        complete = documents and all(
            len(self.votes.get(doc, ())) == len(self.rows[doc])
            and all(len(vote) == len(self.rungs) for vote in self.votes[doc])
            for doc in documents
        )
        return Line(
            task=task,
            strategy=strategy,
            metric=self.metric,
            documents=documents,
            prompts=tuple(self.prompts[doc] for doc in documents),
            rungs=self.rungs,
            values={name: rows[:, :, place] for place, name in enumerate(names)},
            votes=np.array([_mean(self.votes[doc]) for doc in documents]) if complete else None,
            errors=len(self.failed),
        )

    def _padded(self, row: array[float], width: int) -> array[float]:
        return row + row[-width:] * (len(self.rungs) - len(row) // width)


def _mean(repeats: Sequence[Any]) -> Any:  # noqa: ANN401 - arrays, of numpy or the standard library
    return repeats[0] if len(repeats) == 1 else np.mean(repeats, axis=0)  # a document has mostly one: 20 us saved each


_FIELDS = (*COSTS, "truncated", "cues_wanted", "cues", "no_answer")
_facts = attrgetter(*(f"cost.{name}" for name in COSTS), "truncated", "cues_wanted", "cues")
