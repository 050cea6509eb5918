"""The folder of a leaderboard: entries are added, pages are made from them, and everything is checked.

entries/*.json     one for each run, written by `add`
README.md, index.html, schema.json, curves/*.svg     written by `build`, from the entries alone
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tts_bench import foreign
from tts_bench.errors import UserError
from tts_bench.files import FULL, write_whole
from tts_bench.present.leaderboard.document import Figure, Parses, document
from tts_bench.present.leaderboard.entry import MARK, Entry, render, schema
from tts_bench.present.leaderboard.html import html
from tts_bench.present.leaderboard.making import entry_of, name_of, said
from tts_bench.present.leaderboard.markdown import markdown
from tts_bench.present.leaderboard.recompute import as_old_as, complete

_PLACE = 200  # letters of a field that are shown: names of an entry may be long
_REST = "the rest of the entry gives"
_MADE = ("*.md", "*.html", "*.svg", "schema.json")  # what `build` writes, and `check` wants nothing else of


class Finding(Exception):
    """One thing that is not as it has to be: file, line and field, what is there and what should be."""


@dataclass(frozen=True)
class Board:
    folder: Path
    parses: Parses  # which arguments of tts-bench are shown as an entry's command

    def add(self, run: Path) -> Path:
        """Write the entry of a finished run.

        Raises:
            UserError: the run cannot be an entry; it is there already, alike or different; a folder that leads outside.
        """
        entry = entry_of(run)
        path, text = self.folder / "entries" / name_of(entry), _text(entry)
        try:
            self._check_inside(path)
        except Finding as finding:
            raise UserError(f"{finding}. Nothing was written.") from finding
        if path.is_file():
            difference = _difference(path, path.read_text("utf-8", errors="replace"), text, "this run gives")
            raise UserError(
                f"{path} is a run of the same settings: {difference or 'the same records'}. Remove it first to add "
                f"{run} in its place."
            )
        _write(path, text)
        return path

    def build(self) -> list[Path]:
        """Write all pages anew and remove those that no entry asks for any more.

        Raises:
            UserError: an entry is not as it was added, or a file in a page's place is not ours; nothing is written.
        """
        entries, findings = self._entries()
        if findings:
            raise UserError(f"{findings[0]}. Nothing was written.")
        pages = {self.folder / name: text for name, text in _pages(entries, self.parses).items()}
        old = [path for path in self._made() if path not in pages and _ours(path)]
        for path in pages:
            try:
                self._check_inside(path)
            except Finding as finding:
                raise UserError(f"{finding}. Nothing was written.") from finding
            if path.exists() and not _ours(path):
                raise UserError(f"{path} is not made by `leaderboard build`. Move it away; nothing was written.")
        for path, text in pages.items():
            _write(path, text)
        for path in old:
            path.unlink()
        return list(pages)

    def check(self, runs: list[Path]) -> tuple[int, list[Finding]]:
        """The number of entries, and all that is not as `add` and `build` wrote it, `runs` compared with their entries.

        Raises:
            UserError: there is no leaderboard, or a run cannot be read.
        """
        entries, findings = self._entries()
        for run in runs:
            findings += self._check_run(run, entries)
        if findings:
            return len(entries), findings  # pages of broken entries would only say the same again
        pages = {self.folder / name: text for name, text in _pages(entries, self.parses).items()}
        for path, text in pages.items():
            try:
                self._check_inside(path)
                found = foreign.read(path).decode() if path.is_file() else None
            except (Finding, OSError, ValueError) as error:
                why = "is not UTF-8" if isinstance(error, UnicodeDecodeError) else f"cannot be read: {error}"
                findings.append(error if isinstance(error, Finding) else Finding(f"{path} {why}"))
                continue
            if found is None:
                findings.append(Finding(f"{path} is missing: type tts-bench leaderboard build"))
            elif difference := _difference(path, found, text, "the entries give"):
                findings.append(Finding(difference))
        findings += [
            Finding(f"{path} belongs to no entry" + ("" if _ours(path) else " and was made by others: move it away"))
            for path in self._made()
            if path not in pages
        ]
        return len(entries), findings

    def _check_run(self, run: Path, entries: dict[str, Entry]) -> list[Finding]:
        """The entry of a run, made again from its records, has to be the one that is there, in all columns it has."""
        made = entry_of(run)
        path = self.folder / "entries" / name_of(made)
        if path.name not in entries:
            return [Finding(f"{run} has no entry: {path} is not there. Type tts-bench leaderboard add {run}")]
        wanted = render(as_old_as(made.content(), entries[path.name].content()))
        difference = _difference(path, path.read_text("utf-8"), wanted, f"the records in {run} give")
        return [Finding(difference)] if difference else []

    def _entries(self) -> tuple[dict[str, Entry], list[Finding]]:
        """Entries by file name, and what is wrong with the others."""
        if not (self.folder / "entries").is_dir():
            raise UserError(
                f"there is no leaderboard at {self.folder}: it has no entries folder. Type tts-bench leaderboard add "
                f"runs/x to begin one, or give its --folder."
            )
        try:
            self._check_inside(self.folder / "entries")
        except Finding as finding:
            return {}, [finding]
        entries: dict[str, Entry] = {}
        findings: list[Finding] = []
        records: dict[str, Path] = {}
        for path in sorted((self.folder / "entries").glob("*")):
            try:
                self._check_inside(path)
                entry = read_entry(path)
            except Finding as finding:
                findings.append(finding)
                continue
            twin = records.setdefault(entry.run.records, path)
            if twin is not path:
                findings.append(Finding(f"{path}: run.records: the records of {twin.name} again"))
            entries[path.name] = entry
        return entries, findings

    def _made(self) -> list[Path]:
        found = (path for pattern in _MADE for folder in ("", "curves/") for path in self.folder.glob(folder + pattern))
        return sorted(found)

    def _check_inside(self, path: Path) -> None:
        if not path.resolve().is_relative_to(self.folder.resolve()):
            raise Finding(f"{path} leads outside the leaderboard, to {path.resolve()}")


def read_entry(path: Path) -> Entry:
    """An entry that is as it was added.

    Raises:
        Finding: with line and field: no entry, an unknown or missing field, a text with markup or control characters, a
            number that its problems do not give, or any other change.
    """
    if path.suffix != ".json":
        raise Finding(f"{path} is not an entry: entries end in .json")
    try:
        raw = foreign.read(path)
        foreign.check_containers(raw)
        text = raw.decode()
        entry = Entry.model_validate_json(text)
    except UnicodeDecodeError as error:
        raise Finding(f"{path} is not UTF-8: byte {error.start} cannot be read") from error
    except OSError as error:
        raise Finding(f"{path} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first: Any = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        line = re.search(r"at line (\d+) column \d+$", first["msg"]) if first["type"] == "json_invalid" else None
        at = f"{path}, line {line[1]}" if line else _at(path, text, where)
        raise Finding(f"{at}: {said(first)}") from error
    except ValueError as error:
        raise Finding(f"{path} cannot be read: {error}") from error
    try:
        wanted = render(complete(entry.content()))
    except ValueError as error:
        where, _, what = str(error).rpartition(": ")
        raise Finding(f"{_at(path, text, where)}: {what}") from error
    if difference := _difference(path, text, wanted, _REST):
        raise Finding(difference)
    if path.name != name_of(entry):
        raise Finding(f"{path} should be named after its model and settings: {name_of(entry)}")
    return entry


def _text(entry: Entry) -> str:
    return render(entry.content())


def _pages(entries: dict[str, Entry], parses: Parses) -> dict[str, str]:
    """Every file that `build` writes, by its path in the folder."""
    blocks = document(entries, parses)
    curves = {block.path: block.svg for block in blocks if isinstance(block, Figure)}
    return {"README.md": markdown(blocks), "index.html": html(blocks), "schema.json": schema(), **curves}


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text.encode())
    except OSError as error:
        if error.errno in FULL:
            raise
        raise UserError(f"{path} cannot be written: {error.strerror}. Give another --folder.") from error


def _ours(path: Path) -> bool:
    if not path.is_file():  # a pipe would be waited for
        return False
    with path.open("rb") as file:
        return MARK.encode() in file.read(400)


def _difference(path: Path, found: str, wanted: str, source: str) -> str:
    """The first line that differs, or nothing."""
    if found == wanted:
        return ""
    here = found.split("\n")
    pairs = enumerate(zip_longest(here, wanted.split("\n")))
    place, (line, other) = next(pair for pair in pairs if pair[1][0] != pair[1][1])
    field = next(islice(_fields(here), place, None), "") if path.suffix == ".json" else ""
    at = f"{path}, line {place + 1}{field and f', {field[:_PLACE]}'}"
    if field.endswith("sha256") and line and other and source == _REST:
        return f"{at}: this digest does not fit the part that it ends; one of the two was changed"
    return f"{at}: {_short(line, other)}; {source} {_short(other, line)}"


def _short(line: str | None, other: str | None) -> str:
    """The part of a line around the first character that differs."""
    if line is None:
        return "nothing"
    same = next((place for place, pair in enumerate(zip(line, other or "", strict=False)) if len({*pair}) > 1), 0)
    start = max(0, same - 30)
    return repr(("..." if start else "") + line[start : start + 80].strip())


def _fields(lines: Iterable[str]) -> Iterator[str]:
    """Where each line of an entry stands, told by its indentation."""
    keys: list[str] = []
    for line in lines:
        if found := re.match(r'( +)"((?:[^"\\]|\\.)*)": ', line):
            keys[len(found[1]) - 1 :] = [found[2]]
        yield ".".join(keys)


def _at(path: Path, text: str, where: str) -> str:
    """File, line and field; of a field that is missing, the line of what it is missing from."""
    lines: dict[str, int] = {}
    for number, field in enumerate(_fields(text.split("\n")), 1):
        lines.setdefault(field, number)
    near = where = where[:_PLACE]
    while near and near not in lines:
        near = near.rpartition(".")[0]
    return f"{path}{f', line {lines[near]}' if near else ''}{f', {where}' if where else ''}"
