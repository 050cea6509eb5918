"""Runs read for analysis: each line of records checked, then kept as numbers only."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from tts_bench import foreign
from tts_bench.analysis.checks import Checks
from tts_bench.analysis.curve import Point
from tts_bench.analysis.points import points_of
from tts_bench.analysis.table import Grid, Table
from tts_bench.errors import UserError, did_you_mean
from tts_bench.records import SCHEMA, Record, view

_SHOWN = 400  # letters of what is wrong with a record: names in it may be long
_HEADER_SCHEMA = 1
_FREE = ("strategies", "sources", "tasks", "limit", "seed", "timeout", "tts_bench", "data")


class _Identity(BaseModel):
    strategies: list[str]
    data: dict[str, str]
    seed: int
    sources: dict[str, str] = {}


class _Timing(BaseModel):
    engine_seconds: float = 0.0
    tokens: dict[str, int] = {}


class _Data(BaseModel):
    documents: int = 0


class _Header(BaseModel):
    """What the analysis reads of a run.json, by type; older runs lack some of it."""

    metrics: dict[str, str]
    identity: _Identity
    labels: dict[str, str] = {}
    errors: int = 0
    records_sha256: str | None = None
    model: dict[str, Any] = {}
    engine: dict[str, Any] = {}
    thinking_format: dict[str, Any] = {}
    hardware: dict[str, Any] = {}
    data: dict[str, _Data] = {}
    timing: _Timing = _Timing()


@dataclass(frozen=True)
class RunData:
    """A run as numbers; of one that is not finished, the problems that all of its strategies have finished."""

    path: Path
    header: dict[str, Any]
    grids: dict[str, dict[str, Grid]]  # task -> strategy's id -> its grid
    failed: dict[tuple[str, str], int] = field(default_factory=dict)  # task, strategy with errors only -> how many
    schema: int = SCHEMA  # of its records

    @property
    def seed(self) -> int:
        return int(self.header["identity"]["seed"])

    @property
    def settings(self) -> dict[str, Any]:
        """What its answers depend on besides strategy, seed and data."""
        return {key: value for key, value in self.header["identity"].items() if key not in _FREE}

    @property
    def so_far(self) -> dict[str, tuple[int, int]]:
        """Of a run that is not finished, by task: documents that all strategies finished, and all documents."""
        if self.header["status"] == "finished":
            return {}
        done = dict.fromkeys(self.header["metrics"], 0)
        for task, grids in self.grids.items():
            done[task] = max(len(grid.documents) + len(grid.failed) for grid in grids.values())
        for (task, _), failed in self.failed.items():
            done[task] = max(done[task], failed)
        return {task: (count, documents_of(self.header, task)) for task, count in done.items()}

    def label(self, strategy: str) -> str:
        return str(self.header.get("labels", {}).get(strategy, strategy))


def documents_of(header: dict[str, Any], task: str) -> int:
    """How many documents of `task` a run has, finished or not."""
    return int(header.get("data", {}).get(task, {}).get("documents", 0))


@dataclass(frozen=True)
class Source:
    """A run's folder with its header, and its records one after the other, whenever they are asked for."""

    path: Path
    header: dict[str, Any]
    records: Callable[[], Iterator[Record]]

    def read(self, metric: str | None = None) -> RunData:
        """The run as numbers: by the metric called `metric`, or by each task's main one.

        Raises:
            UserError: as `read_records`; no record, nothing but errors, or no such metric.
        """
        wanted = self.header["metrics"] if metric is None else dict.fromkeys(self.header["metrics"], metric)
        numbers = Numbers(self.path, {**self.header, "metrics": wanted}, self.header["metrics"])
        for record in numbers.passing(self.records()):
            if metric is not None:
                _check_metric(self.path, record, metric)
        return numbers.run()


def _check_metric(folder: Path, record: Record, metric: str) -> None:
    for answer in record.answers:
        if metric not in answer.scores:
            raise UserError(
                f"{folder} has no metric {metric!r} on {record.task}. {did_you_mean(metric, answer.scores)}"
            )


def finished(folder: Path) -> Source:
    """A finished run.

    Raises:
        UserError: as `read_header`.
    """
    header = read_header(folder)
    return Source(folder, header, lambda: read_records(folder, header))


def read_header(folder: Path, *, unfinished: bool = False) -> dict[str, Any]:
    """The run.json of a finished run, or of any where `unfinished` ones are taken too.

    Raises:
        UserError: no folder of a run, another schema, or a run that is not finished.
    """
    path = folder / "run.json"
    try:
        header = foreign.document(path)
        schema, status = header["schema"], header["status"]
        missing = {"metrics"} - set(header) | {"strategies", "data", "seed"} - set(header["identity"])
    except OSError as error:
        why = f"{path} cannot be read ({error.strerror})." if not _is_study(folder) else _of_study(folder)
        raise UserError(f"{folder} is not a run folder: {why}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is not a valid run header: {str(error)[:200]}. `tts-bench run` writes one.") from error
    if schema != _HEADER_SCHEMA:
        raise UserError(f"{path} has schema {str(schema)[:40]}; this version reads {_HEADER_SCHEMA}. Repeat the run.")
    if missing:
        raise UserError(f"{path} is incomplete: it lacks {', '.join(sorted(missing))}. Repeat the run.")
    if status != "finished" and not unfinished:
        raise UserError(
            f"{folder} holds a run that is not finished ({str(status)[:40]}). Repeat the run's command to finish it."
        )
    _check_types(path, header)
    return header


def _is_study(folder: Path) -> bool:
    return os.path.isfile(folder / "study.toml")  # of a folder that one may not enter, no error


def _of_study(folder: Path) -> str:
    """What to type for a study in the place of a run."""
    parts = sorted(run.parent.name for run in (folder / "parts").glob("*/run.json"))
    one = folder / "parts" / (parts[0] if parts else "NAME")
    return f"it is a study. Type tts-bench study report {folder}, or give one of its runs, such as {one}."


def _check_types(path: Path, header: dict[str, Any]) -> None:
    try:
        _Header.model_validate(header, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))[:200]
        raise UserError(f"{path} is not a valid run header: {where}: {first['msg']}. Repeat the run.") from error


def read_records(folder: Path, header: dict[str, Any]) -> Iterator[Record]:
    """The records of a run, one after the other, each checked against the run's header.

    Raises:
        UserError: with file and line: what is cut off, no record, of another schema or another run, said twice, or
            holds a number that is not finite. Behind the last record: the file is not as the run left it.
    """
    path, digest = folder / "records.jsonl", sha256()
    checks = Checks(header["metrics"], header["identity"]["strategies"])
    try:
        for number, raw in enumerate(foreign.lines(path), 1):
            digest.update(raw)
            try:
                record = view(raw)
                checks.check(record)
            except ValueError as error:
                cut = "" if raw.endswith(b"\n") else "the last line is cut off: "
                raise UserError(
                    f"{path}, line {number}: {cut}{str(error)[:_SHOWN]}. Repeat the run's command."
                ) from error
            yield record
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise UserError(f"{path} cannot be read: {why}. Repeat the run's command.") from error
    if header.get("records_sha256") not in (None, digest.hexdigest()):  # older runs did not say
        raise UserError(
            f"{path} was changed after its run: its SHA-256 differs from the one in run.json. Repeat the run's command."
        )


def read_run(folder: Path) -> RunData:
    """A finished run, as numbers.

    Raises:
        UserError: as `read_header` and `read_records`; no record; or nothing but errors.
    """
    return finished(folder).read()


class Numbers:
    """What is kept of a run while its records are read, whatever else is made of them on the way."""

    def __init__(self, folder: Path, header: dict[str, Any], main: dict[str, str] | None = None) -> None:
        """`main`: the tasks' main metrics, where those of `header` may be others."""
        self.folder, self.header = folder, header
        self._table, self._schema = Table(header["metrics"], main), SCHEMA
        self._lines, self._error = 0, ""  # read so far; the first error and its line

    def add(self, record: Record) -> None:
        self._lines += 1
        if record.error and not self._error:
            self._error = f"line {self._lines}: {record.error.kind}: {' '.join(record.error.message.split())[:200]}"
        self._schema = record.schema
        self._table.add(record)

    def passing(self, records: Iterable[Record]) -> Iterator[Record]:
        """Add `records` while somebody else goes through them."""
        for record in records:
            self.add(record)
            yield record

    def run(self) -> RunData:
        """The run.

        Raises:
            UserError: no record, or nothing but errors.
        """
        if not self._lines and self.header["status"] != "finished":
            total = sum(documents_of(self.header, task) for task in self.header["metrics"])
            raise UserError(
                f"{self.folder} is not finished: 0 of {total:,} problems so far. Wait for the first, or repeat the "
                "run's command."
            )
        if not self._lines:
            raise UserError(f"{self.folder / 'records.jsonl'} has no records. Repeat the run's command.")
        grids = self._table.grids()
        if not grids:
            raise UserError(
                f"{self.folder} has only errors: no problem has an answer. {self.folder / 'records.jsonl'}, "
                f"{self._error}. Fix the cause; repeating the run's command tries again."
            )
        return RunData(self.folder, self.header, grids, self._table.failed(), self._schema)

    def curve(self) -> list[Point]:
        """Every rung as lm-eval scored it: what the run's own curve.json holds."""
        return points_of(self._table)
