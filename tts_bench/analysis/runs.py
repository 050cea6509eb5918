"""Runs read for analysis: each line of records checked, then kept as numbers only."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError

from tts_bench import foreign
from tts_bench.analysis.compute import ComputeAxis
from tts_bench.analysis.pool import pool, verdicts
from tts_bench.analysis.votes import majority_at_k
from tts_bench.errors import UserError
from tts_bench.records import Record, view

Floats = NDArray[np.float64]
_HEADER_SCHEMA = 1
_FREE = ("strategies", "sources", "tasks", "limit", "seed", "timeout", "tts_bench", "data")


class _Identity(BaseModel):
    strategies: list[str]
    data: dict[str, str]
    seed: int


class _Timing(BaseModel):
    engine_seconds: float = 0.0
    tokens: dict[str, int] = {}


class _Header(BaseModel):
    """What the analysis reads of a run.json, by type; older runs lack some of it."""

    metrics: dict[str, str]
    identity: _Identity
    labels: dict[str, str] = {}
    errors: int = 0
    records_sha256: str | None = None
    model: dict[str, Any] = {}
    thinking_format: dict[str, Any] = {}
    hardware: dict[str, Any] = {}
    timing: _Timing = _Timing()


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
        header = foreign.document(path)
        schema, status = header["schema"], header["status"]
        missing = {"metrics"} - set(header) | {"strategies", "data", "seed"} - set(header["identity"])
    except OSError as error:
        raise UserError(f"{folder} is no run's folder: {path} cannot be read ({error.strerror}).") from error
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is no header of a run: {str(error)[:200]}. `tts-bench run` writes one.") from error
    if schema != _HEADER_SCHEMA:
        raise UserError(f"{path} has schema {schema!r}; this version reads {_HEADER_SCHEMA}. Repeat the run.")
    if missing:
        raise UserError(f"{path} is no whole header of a run: it lacks {', '.join(sorted(missing))}. Repeat the run.")
    if status != "finished":
        raise UserError(f"{folder} holds a run that is not finished ({status}). The command that began it finishes it.")
    _check_types(path, header)
    return header


def _check_types(path: Path, header: dict[str, Any]) -> None:
    try:
        _Header.model_validate(header, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))[:200]
        raise UserError(f"{path} is no header of a run: {where}: {first['msg']}. Repeat the run.") from error


def read_records(folder: Path, header: dict[str, Any]) -> Iterator[Record]:
    """The records of a run, one after the other, each checked against the run's header.

    Raises:
        UserError: with file and line: what is cut off, no record, of another schema or another run, said twice, or
            holds a number that is not finite. Behind the last record: the file is not as the run left it.
    """
    path, checks, digest = folder / "records.jsonl", _Checks(header), sha256()
    try:
        for number, raw in enumerate(foreign.lines(path), 1):
            digest.update(raw)
            try:
                record = view(raw)
                checks.check(record)
            except ValueError as error:
                cut = "" if raw.endswith(b"\n") else "the last line is cut off: "
                raise UserError(f"{path}, line {number}: {cut}{error}. Repeat the run's command.") from error
            yield record
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise UserError(f"{path} cannot be read: {why}. Repeat the run's command.") from error
    if header.get("records_sha256") not in (None, digest.hexdigest()):  # older runs did not say
        raise UserError(
            f"{path} was changed after its run: its SHA-256 is another than run.json says. Repeat the run's command."
        )


@dataclass
class _Checks:
    """What a record has to fit: its run's header, and the records before it."""

    header: dict[str, Any]
    seen: set[tuple[str, int, int, str]] = field(default_factory=set)
    rungs: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)  # of task and strategy: the longest
    schema: int | None = None

    def check(self, record: Record) -> None:
        key, name = (*record.key, record.strategy), f"{record.problem} of {record.strategy!r}"
        if record.strategy not in self.header["identity"]["strategies"] or record.task not in self.header["metrics"]:
            raise ValueError(f"{name} belongs to another run: run.json does not know it")
        if key in self.seen:
            raise ValueError(f"{name} is there twice: the file holds more than one run")
        self.seen.add(key)
        self.schema = self.schema or record.schema
        if record.schema != self.schema:
            raise ValueError(
                f"{name} has schema {record.schema}, lines before it {self.schema}: the file holds several runs"
            )
        if record.error:
            return
        if not record.answers:
            raise ValueError(f"{name} has neither answer nor error")
        metric = self.header["metrics"][record.task]
        for answer in record.answers:
            if answer.segments and not 0 <= min(answer.segments) <= max(answer.segments) < len(record.segments):
                raise ValueError(f"{name} names a segment on rung {answer.rung!r} that it does not have")
            if metric not in answer.scores:
                raise ValueError(f"{name} has no score {metric!r} on rung {answer.rung!r}")
        self._check_rungs(record, name)

    def _check_rungs(self, record: Record, name: str) -> None:
        place, rungs = (record.task, record.strategy), tuple([answer.rung for answer in record.answers])
        longest = self.rungs.setdefault(place, rungs)
        if rungs == longest:
            return
        for index, (here, before) in enumerate(zip(rungs, longest, strict=False)):
            if here != before:
                raise ValueError(f"{name} calls rung {index} {here!r}; lines before it call it {before!r}")
        self.rungs[place] = max(rungs, longest, key=len)


def read_run(folder: Path) -> RunData:
    """A finished run, as numbers.

    Raises:
        UserError: as `read_header` and `read_records`; no record; or nothing but errors.
    """
    header = read_header(folder)
    numbers = Numbers(folder, header)
    for record in read_records(folder, header):
        numbers.add(record)
    return numbers.run()


class Numbers:
    """What is kept of a run while its records are read, whatever else is made of them on the way."""

    def __init__(self, folder: Path, header: dict[str, Any]) -> None:
        self.folder, self.header = folder, header
        self._rows: dict[tuple[str, str], _Rows] = {}
        self._lines, self._error = 0, ""  # read so far; the first error and its line

    def add(self, record: Record) -> None:
        self._lines += 1
        if record.error and not self._error:
            self._error = f"line {self._lines}: {record.error.kind}: {' '.join(record.error.message.split())[:200]}"
        key = (record.task, record.strategy)
        if key not in self._rows:
            self._rows[key] = _Rows(self.header["metrics"][record.task])
        self._rows[key].add(record)

    def watch(self, records: Iterable[Record]) -> Iterator[Record]:
        """`records`, each added on its way to who else reads them."""
        for record in records:
            self.add(record)
            yield record

    def run(self) -> RunData:
        """The run.

        Raises:
            UserError: no record, or nothing but errors.
        """
        if not self._rows:
            raise UserError(f"{self.folder / 'records.jsonl'} holds no record. Repeat the run's command.")
        lines: dict[str, dict[str, Line]] = {}
        for (task, strategy), found in self._rows.items():
            if line := found.line(task, strategy):
                lines.setdefault(task, {})[strategy] = line
        if not lines:
            raise UserError(
                f"{self.folder} holds errors only: no problem has an answer. {self.folder / 'records.jsonl'}, "
                f"{self._error}. Mend that; the run's command tries again."
            )
        failed = tuple((task, strategy) for task, strategy in self._rows if strategy not in lines.get(task, {}))
        return RunData(self.folder, self.header, lines, failed)


class _Rows:
    """The records of one line: a row of numbers for each answer, one after the other."""

    def __init__(self, metric: str) -> None:
        self.metric = metric
        self.metrics: tuple[str, ...] = ()
        self.rungs: tuple[str, ...] = ()
        self.numbers = array("d")
        self.answers = 0
        self.records: dict[int, list[tuple[int, int]]] = {}  # document -> its repeats' first rows, and how many
        self.prompts: dict[int, str] = {}
        self.votes: dict[int, list[Floats]] = {}
        self.failed: set[int] = set()

    def add(self, record: Record) -> None:
        if record.error:
            self.failed.add(record.doc_id)
            return
        answers = record.answers
        if len(answers) > len(self.rungs):
            self.rungs = tuple([answer.rung for answer in answers])
        self.metrics = self.metrics or tuple(answers[0].scores)
        row: list[float] = []
        for answer in answers:
            row += _bill(answer.cost)
            row += (answer.truncated, answer.cues_wanted, answer.cues, answer.extracted is None)
            row += [answer.scores.get(metric, math.nan) for metric in self.metrics]
        self.numbers.fromlist(row)
        self.records.setdefault(record.doc_id, []).append((self.answers, len(answers)))
        self.answers += len(answers)
        self.prompts[record.doc_id] = next((part.origin for part in record.segments if part.kind == "prompt"), "")
        if ballots := pool(record):
            said, scores = [ballot.extracted for ballot in ballots], verdicts(record, ballots, self.metric)
            if scores.keys() >= set(said):
                self.votes.setdefault(record.doc_id, []).append(majority_at_k(said, scores))

    def line(self, task: str, strategy: str) -> Line | None:
        """None where every document has an error."""
        documents = tuple(sorted(self.records.keys() - self.failed))
        if not documents:
            return None
        names = (*_BILL, *_FLAGS, *(f"score {metric}" for metric in self.metrics))
        table = np.frombuffer(self.numbers).reshape(-1, len(names)).T
        repeats = [self.records[doc] for doc in documents]
        starts, counts = np.array([span for spans in repeats for span in spans]).T[:, :, None]
        rows = starts + np.minimum(np.arange(len(self.rungs)), counts - 1)
        columns = _means(table[:, rows], [len(spans) for spans in repeats], axis=1)
        values = dict(zip(names, columns, strict=True))
        generated = values.pop("thinking") + values["forced"] + values.pop("answer")
        return Line(
            task=task,
            strategy=strategy,
            metric=self.metric,
            documents=documents,
            prompts=tuple(self.prompts[doc] for doc in documents),
            rungs=self.rungs,
            values={"generated": generated, **values},
            votes=self._votes(documents),
            errors=len(self.failed),
        )

    def _votes(self, documents: Sequence[int]) -> Floats | None:
        """None where a record of them is of no vote, or of a shorter one than others."""
        votes = [self.votes.get(doc, []) for doc in documents]
        if any(len(vote) != len(self.records[doc]) for doc, vote in zip(documents, votes, strict=True)):
            return None
        flat = [vote for repeats in votes for vote in repeats]
        if any(len(vote) != len(self.rungs) for vote in flat):
            return None
        return _means(np.array(flat), list(map(len, votes)), axis=0)


def _means(values: Floats, repeats: Sequence[int], axis: int) -> Floats:
    """Means over the repeats of each document, which stand side by side along `axis`."""
    if max(repeats) == 1:
        return values
    starts: NDArray[np.intp] = np.cumsum([0, *repeats[:-1]])
    sums = np.add.reduceat(values, starts, axis=axis)
    return np.asarray(sums / np.reshape(repeats, [-1 if place == axis else 1 for place in range(values.ndim)]))


_BILL = ("prompt", "thinking", "forced", "answer", "sequential", "flops")
_FLAGS = ("truncated", "cues_wanted", "cues", "no_answer")
_bill = attrgetter(*_BILL)
