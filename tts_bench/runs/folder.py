"""The folder of a run: who it belongs to, the records on their way, and the finished files."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from tts_bench import config_file, foreign
from tts_bench.errors import UserError
from tts_bench.files import (
    FULL,
    LOCK,
    Held,
    file_name,
    held,
    is_held,
    is_unfinished,
    sha256_of,
    write_whole,
    writing_whole,
)
from tts_bench.pools import file as pool
from tts_bench.records import Record, from_line, to_line, view

SCHEMA = 1
STORE = "generations.sqlite"  # beside the runs' folders: what one run generated, the next does not
PART = "records.part.jsonl"  # records that are not scored yet, in the order in which they were finished

Order = Callable[[Record], tuple[int, ...]]


class RunFolder:
    """`run.json`, `records.jsonl` and what else a run writes."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def check(self) -> None:
        """Refuse a folder that cannot take this run, before anything is loaded or written.

        Raises:
            UserError: it is a file, holds what is not a run, or cannot be written to.
        """
        try:
            self._check()
        except OSError as error:  # a name that is too long, a folder that may not be read
            raise UserError(f"--out {self.path} cannot be used: {error.strerror}. Give another folder.") from error

    def _check(self) -> None:
        if self.path.is_symlink() and not self.path.exists():
            raise UserError(f"--out {self.path} cannot be used: it is a link that leads nowhere. Give another folder.")
        if self.path.exists() and not self.path.is_dir():
            raise UserError(f"--out {self.path} is a file; it takes a folder. Give another name.")
        if self.path.is_dir():
            if is_held(self.path):
                raise self._held()
            # A run that was killed while it wrote its first file has left a lock and a part.
            others = any(path.name not in (LOCK, pool.NAME) and not is_unfinished(path) for path in self.path.iterdir())
            if others and not (self.path / "run.json").is_file():
                raise UserError(f"--out {self.path} holds files but no run.json: it is not a run folder. Give another.")
            self._header()
        there = next(folder for folder in (self.path, *self.path.absolute().parents) if folder.exists())
        if not there.is_dir():
            raise UserError(f"--out {self.path} cannot be made: {there} is a file. Give another folder.")
        if not os.access(there, os.W_OK | os.X_OK):
            raise UserError(f"--out {self.path} cannot be written to: no permission in {there}. Give another folder.")

    def check_pool(self) -> None:
        """Refuse a folder that takes no pool of recorded outputs.

        Raises:
            UserError: the run there reads another pool, or none.
        """
        header = self._header()
        if header is None or (self.path / pool.NAME).exists():  # of another pool, who puts one there says so
            return
        try:
            own = os.path.samefile(self.path / header["begun_in"] / header["config"]["model"], self.path)
        except (OSError, KeyError, TypeError):
            own = False
        if not own:
            raise UserError(
                f"--out {self.path} holds another run's records; outputs are imported into a folder of their own. Give "
                "another --out."
            )

    def begun(self) -> dict[str, Any]:
        """The values of the configuration that this run started with; its working folder becomes this process's.

        Raises:
            UserError: there is no run, an earlier version began it, or the folder that it was begun in is gone.
        """
        path, header = self.path / "run.json", self._header()
        if header is None:
            raise UserError(f"{self.path} has no run.json, so there is no run to resume. Give a run folder.")
        if not isinstance(header.get("config"), dict) or not isinstance(header.get("begun_in"), str):
            raise UserError(
                f"{path} has no configuration, because an earlier version of tts-bench started the run. Repeat its "
                f"command, with --out {self.path}: {header.get('command')}"
            )
        begun_in = self.path / header["begun_in"]
        try:
            os.chdir(begun_in)
        except OSError as error:
            raise UserError(
                f"the run in {self.path} was started in {begun_in}, and its paths are relative to that folder, which "
                "is missing. Move the run folder back to where it was, or repeat the run's command."
            ) from error
        return config_file.values(header["config"], lambda key: f"{path}: ")

    def command(self) -> str:
        """The command that began the run here; empty where none did."""
        return str((self._header() or {}).get("command", ""))

    def template_date(self) -> date | None:
        """The date that the chat template told in the run that began here; None where none did."""
        return pinned_date(self.path / "run.json", "identity")

    def _held(self) -> UserError:
        return UserError(
            f"--out {self.path} belongs to a run that is not finished: another process is writing to it. "
            "Wait for it, or give another --out."
        )

    def _header(self) -> dict[str, Any] | None:
        """What its run.json says; None where there is none.

        Raises:
            UserError: it cannot be read, or a later version wrote it.
        """
        path = self.path / "run.json"
        try:
            header = foreign.document(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            raise UserError(f"{path} cannot be read as a run ({why}). Give another --out.") from error
        if (schema := header.get("schema", SCHEMA)) != SCHEMA:
            raise UserError(
                f"{path} has schema {str(schema)[:40]}, this version of tts-bench writes {SCHEMA}: another version "
                "made it, and nothing was changed. Give another --out, or use that version."
            )
        return header

    @contextmanager
    def owned(self, identity: dict[str, Any]) -> Iterator[None]:
        """Make the folder and keep other runs out of it. A process that is killed lets go of it.

        Raises:
            UserError: it cannot be made, another run is at work there, or, since it was checked, one has begun there.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            if error.errno in FULL:
                raise
            raise UserError(f"--out {self.path} cannot be made: {error.strerror}. Give another folder.") from error
        try:
            with held(self.path):
                self.claim(identity)
                yield
        except Held:
            raise self._held() from None

    def claim(self, identity: dict[str, Any]) -> None:
        """Refuse a folder whose records another run made.

        Raises:
            UserError: its run.json tells of other settings, data or model, or cannot be read.
        """
        header = self._header()
        if header is None:
            return
        found = header.get("identity")
        if not isinstance(found, dict):
            raise UserError(f"{self.path / 'run.json'} does not state its run's identity. Give another --out.")
        wanted = json.loads(json.dumps(identity))
        if any(found.get(key) != wanted.get(key) for key in {**found, **wanted}):  # what is absent is None
            name, there, here = _differing(found, wanted)
            raise UserError(
                f"--out {self.path} holds another run's records: its {name[:200]} is {short(there)}, this run's is "
                f"{short(here)}. Give another --out, without --resume, or leave out what differs; what is already "
                "generated is not generated again."
            )

    def begin(self, header: dict[str, Any]) -> None:
        """Say in the folder what is running."""
        for left in (self.path / PART, *filter(is_unfinished, self.path.iterdir())):
            left.unlink(missing_ok=True)
        self.write_json("run.json", {"schema": SCHEMA, "status": "running", **header})

    def write_json(self, name: str, content: dict[str, Any]) -> None:
        text = json.dumps(content, ensure_ascii=False, indent=2, allow_nan=False)
        write_whole(self.path / name, text.encode() + b"\n")

    @contextmanager
    def appending(self) -> Iterator[Callable[[Record], None]]:
        """What keeps a record that is not scored yet. An interrupted run makes these again, from the store.

        Each line is in the file when its problem is finished: `watch` and the like read it meanwhile.
        """
        with (self.path / PART).open("a", buffering=1, encoding="utf-8", newline="\n") as file:

            def append(record: Record) -> None:
                file.write(to_line(record))

            yield append

    def unscored(self, order: Order, read: Callable[[bytes], Record] = from_line) -> Iterator[Record]:
        """The appended records in their order, whatever order they were finished in; `read` is `view` for a reader."""
        with (self.path / PART).open("rb") as file:
            places = []
            while line := file.readline():
                places.append((order(view(line)), file.tell() - len(line)))
            for _, place in sorted(places):
                file.seek(place)
                yield read(file.readline())

    def finish(self, records: Iterator[Record]) -> None:
        """Write the scored records, then drop the unscored ones."""
        with writing_whole(self.path / "records.jsonl") as file:
            for record in records:
                file.write(to_line(record).encode())
        (self.path / PART).unlink()

    def write_lm_eval(self, strategy: str, rung: str, results: dict[str, Any]) -> None:
        """lm-eval's results of one rung, and its samples file of each task."""
        folder = self.path / "lm_eval" / file_name(strategy) / file_name(rung)
        folder.mkdir(parents=True, exist_ok=True)
        samples = results["samples"]
        for task, rows in samples.items():
            with writing_whole(folder / f"samples_{file_name(task)}.jsonl") as file:
                for row in rows:
                    file.write(json.dumps(row, ensure_ascii=False, default=str).encode() + b"\n")
        aggregated = {key: value for key, value in results.items() if key != "samples"}
        text = json.dumps(aggregated, ensure_ascii=False, indent=2, default=str)
        write_whole(folder / "results.json", text.encode() + b"\n")

    def records(self) -> Iterator[Record]:
        """The scored records, to be read."""
        with (self.path / "records.jsonl").open("rb") as file:
            yield from map(view, file)

    def errors(self) -> list[Record]:
        """The records of what ended in an error."""
        with (self.path / "records.jsonl").open("rb") as file:
            return [from_line(line) for line in file if view(line).error]

    def digest(self) -> str:
        """SHA-256 of the scored records."""
        return sha256_of(self.path / "records.jsonl")


def pinned_date(path: Path, *keys: str) -> date | None:
    """The chat template's date in a JSON file that holds an identity under `keys`; None where it tells of none."""
    try:
        found: Any = foreign.document(path)
        for key in (*keys, "template", "date"):
            found = found[key]
        return date.fromisoformat(found)
    except (OSError, ValueError, KeyError, TypeError):
        return None  # whoever claims the folder says what is wrong with the file


def _differing(held: Any, wanted: Any, name: str = "") -> tuple[str, object, object]:  # noqa: ANN401 - JSON
    """Name and values of the first part that differs, of lists what only one of them has."""
    keys = {**held, **wanted} if isinstance(held, dict) and isinstance(wanted, dict) else {}
    if different := [key for key in keys if held.get(key) != wanted.get(key)]:
        key = min(different, key=lambda key: (key == "sources", key))  # which differ wherever the strategies do
        return _differing(held.get(key), wanted.get(key), f"{name.rstrip(',')}, {key}," if name else key)
    if isinstance(held, list) and isinstance(wanted, list):
        there, here = [x for x in held if x not in wanted], [x for x in wanted if x not in held]
        return (name, there, here) if there or here else (name, held, wanted)
    return name, held, wanted


def short(value: object) -> str:
    """`value` as JSON, cut where it is too long for a message."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:77]}..."
