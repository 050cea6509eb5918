"""Runs that are not finished: the problems that every strategy has finished, scored as the run itself will score them.

A run scores nothing before its last problem. Whoever looks at it earlier scores what there is, by the same code; the
run is not disturbed.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tts_bench import config_file, foreign
from tts_bench.analysis.checks import Checks
from tts_bench.analysis.runs import RunData, Source, finished, read_header
from tts_bench.engines.environment import prepare
from tts_bench.errors import UserError
from tts_bench.files import is_held
from tts_bench.records import Record, from_line
from tts_bench.runs.folder import PART
from tts_bench.tasks.catalog import is_file

_BATCH = 1000  # documents that are scored, and held, at once

Document = tuple[str, int]


def opened(folder: Path) -> Source:
    """A run, finished or not.

    Raises:
        UserError: no folder of a run.
    """
    header = read_header(folder, unfinished=True)
    if header["status"] == "finished":
        return finished(folder)
    return Source(folder, header, lambda: Unfinished(folder, header).new())


def read(folder: Path, metric: str | None = None) -> RunData:
    """A run as numbers, finished or not: by the metric called `metric`, or by each task's main one.

    Raises:
        UserError: as `opened` and `Source.read`.
    """
    return opened(folder).read(metric)


class Unfinished:
    """The finished problems of an unfinished run, given as they come."""

    def __init__(self, folder: Path, header: dict[str, Any]) -> None:
        """Load the run's tasks.

        Raises:
            UserError: they cannot be had here, their data are others, or their code is to be run for no run.
        """
        prepare()  # lm-eval imports torch
        from tts_bench.tasks import loading

        self._part, self._header = folder / PART, header
        self._tasks = loading.load(*_wanted(folder, header))
        for name, sha256 in header["identity"]["data"].items():
            if name not in self._tasks.tasks or self._tasks.tasks[name].sha256 != sha256:
                raise UserError(f"{folder} is not finished, and its data for {name} differ from those found here.")
        self._strategies = header["identity"]["strategies"]
        self._format = _format(folder, header)
        self._checks = Checks(header["metrics"], self._strategies)
        self._at, self._lines = 0, 0  # bytes and lines that were read
        self._begun: dict[Document, list[Record]] = {}  # of documents that lack a strategy or a repeat

    def new(self) -> Iterator[Record]:
        """The scored records of documents that all strategies have finished since this was last asked for.

        Raises:
            UserError: with file and line, a record that is none of the run.
        """
        waiting: list[Record] = []
        documents = 0
        for records in self._finished():
            waiting += records
            documents += 1
            if documents == _BATCH:
                yield from self._scored(waiting)
                waiting, documents = [], 0
        if waiting:
            yield from self._scored(waiting)

    def _finished(self) -> Iterator[list[Record]]:
        """The records of each document of which all are there."""
        try:
            for raw in foreign.lines(self._part, self._at):
                if not raw.endswith(b"\n"):  # it is being written
                    return
                self._at, self._lines = self._at + len(raw), self._lines + 1
                record = from_line(raw)
                if record.task not in self._tasks.tasks or record.strategy not in self._strategies:
                    raise ValueError(f"{record.problem} of {record.strategy!r} belongs to another run")
                document = record.key[:2]
                held = self._begun.setdefault(document, [])
                held.append(record)
                repeats = self._tasks.tasks[record.task].task.config.repeats or 1
                if len(held) == repeats * len(self._strategies):
                    del self._begun[document]
                    yield sorted(held, key=lambda one: (one.repeat, self._strategies.index(one.strategy)))
        except FileNotFoundError:  # the run has only begun, or is just being finished
            return
        except OSError as error:
            raise UserError(f"{self._part} cannot be read: {error.strerror}.") from error
        except ValueError as error:
            raise self._refused(error) from error

    def _scored(self, records: list[Record]) -> Iterator[Record]:
        from tts_bench.lm_eval import replay
        from tts_bench.lm_eval.rungs import Rungs

        rungs = Rungs.of(records, self._format.answer_text)
        for strategy in rungs.texts:
            replay.score_rungs(self._tasks, rungs, strategy)
        for record in rungs.scored(records):
            try:
                self._checks.check(record)
            except ValueError as error:
                raise self._refused(error) from error
            yield record

    def _refused(self, error: ValueError) -> UserError:
        return UserError(f"{self._part}, line {self._lines}: {str(error)[:400]}. Repeat the run's command.")


def _wanted(folder: Path, header: dict[str, Any]) -> tuple[list[str], Path | None]:
    """The tasks of a run, and the folder of its data, seen from here."""
    path = folder / "run.json"
    if not isinstance(header.get("config"), dict) or not isinstance(header.get("begun_in"), str):
        raise UserError(f"{path} has no configuration: an earlier version started the run. Repeat its command.")
    said = config_file.values(header["config"], lambda key: f"{path}: ")
    begun_in, tasks = folder / header["begun_in"], said.get("tasks", ())
    if any(map(is_file, tasks)) and not is_held(folder):  # else the folder of someone else could bring code along
        raise UserError(
            f"{folder} is not finished, and a custom task scores it. The task's code runs only while the run is in "
            "progress here. Repeat the run's command."
        )
    data_dir = said.get("data_dir")
    return [str(begun_in / name) if is_file(name) else name for name in tasks], data_dir and begun_in / data_dir


def _format(folder: Path, header: dict[str, Any]) -> Any:  # noqa: ANN401 - a ThinkingFormat
    from pydantic import TypeAdapter, ValidationError

    from tts_bench.thinking.format import ThinkingFormat

    try:
        return TypeAdapter(ThinkingFormat).validate_python(header.get("thinking_format"))
    except ValidationError as error:
        raise UserError(f"{folder / 'run.json'} has no thinking format. Repeat the run's command.") from error
