"""The folder of a study: what it was resolved to, its runs, and how far each has come."""

from __future__ import annotations

import contextlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tts_bench import foreign
from tts_bench.errors import UserError
from tts_bench.files import FULL, is_held, is_unfinished, write_whole
from tts_bench.runs.folder import RunFolder, short
from tts_bench.runs.portable import portable
from tts_bench.studies.study import PARTS, RESOLVED, Part, Study

_PLACED = ("store", "out", "engine", "template_date")  # what may differ where a run is the same: docs/study.md
_PLAYED, RECORDS = "records.part.jsonl", "records.jsonl"


@dataclass(frozen=True)
class State:
    """How far a part has come."""

    part: Part
    kind: Literal["finished", "errors", "running", "begun", "failed", "not begun"]
    done: int = 0  # records that are there
    of: int = 0  # records that the part will have; 0: not known
    errors: int = 0  # records that are errors
    message: str = ""  # why it failed

    @property
    def readable(self) -> bool:
        """Whether its records are all there."""
        return self.kind in ("finished", "errors")


def claim(study: Study) -> None:
    """Make the folder the study's, or refuse one that is another's; nothing is written where it is refused.

    A study may grow: models, seeds and comparisons are added. What a part that has begun is made from stays.

    Raises:
        UserError: the folder holds something else, or parts of other settings, or cannot be made.
    """
    path = study.out / RESOLVED
    if study.out.exists() and not study.out.is_dir():
        raise UserError(f"{study.out} is a file; a study takes a folder. Give another out.")
    if not path.exists():
        others = [one for one in study.out.iterdir() if not is_unfinished(one)] if study.out.is_dir() else []
        if others:
            raise UserError(f"{study.out} holds files but no {RESOLVED}: it is not a study folder. Give another out.")
    else:
        _check_same(study, resolved_in(study.out))
    text = study.to_toml().encode()
    try:
        (study.out / PARTS).mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_bytes() != text:
            write_whole(path, text)
    except OSError as error:
        if error.errno in FULL:
            raise
        raise UserError(f"{study.out} cannot be made: {error.strerror}. Give another out.") from error


def resolved_in(folder: Path) -> dict[str, Any]:
    """What the study in `folder` was resolved to.

    Raises:
        UserError: there is none, or it cannot be read.
    """
    path = folder / RESOLVED
    try:
        found = tomllib.loads(foreign.read(path, foreign.MB).decode())
        if not isinstance(found.get("models"), dict):
            raise ValueError("it has no models")
        return found
    except OSError as error:
        raise UserError(f"{folder} is not a study folder: {path} cannot be read ({error.strerror}).") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not a valid study: {str(error)[:200]}. Give another out.") from error


def _check_same(study: Study, there: Mapping[str, Any]) -> None:
    begun = {one.name for one in (study.out / PARTS).glob("*") if (one / "run.json").is_file()}
    before, now = there["models"], study.settings()
    for part in study.parts:
        theirs, ours = before.get(part.model, {}), now[part.model]
        if part.name in begun and theirs != ours:
            key = next(key for key in {**theirs, **ours} if theirs.get(key) != ours.get(key))
            raise UserError(
                f"{study.out} holds runs of {part.model} with other settings: their {key} is "
                f"{short(theirs.get(key))}, this study's is {short(ours.get(key))}. Give another out."
            )
    if left := sorted(begun - {part.name for part in study.parts}):
        raise UserError(
            f"{study.out} holds runs that this study does not have: {', '.join(left)[:300]}. Give another out, or "
            "remove them."
        )


def states(study: Study) -> list[State]:
    """How far each part has come; only looked at, and nothing of an analysis imported."""
    return [state_of(part) for part in study.parts]


def state_of(part: Part) -> State:
    """How far one part has come."""
    header = _header(part.folder)
    failure = _failure(part)
    if header is None:
        return State(part, "failed" if failure else "not begun", message=failure)
    if _says_finished(header, part) and (part.folder / RECORDS).is_file():
        errors = _number(header.get("errors"))
        total = _total(header)
        return State(part, "errors" if errors else "finished", total, total, errors)
    with contextlib.suppress(OSError):
        if is_held(part.folder):
            return State(part, "running", _lines(part.folder / _PLAYED), _total(header))
    kind: Literal["failed", "begun"] = "failed" if failure else "begun"
    return State(part, kind, _lines(part.folder / _PLAYED), _total(header), message=failure)


def has_lost_records(part: Part) -> bool:
    """Whether its run says that it is finished, and its records are not there."""
    header = _header(part.folder)
    return header is not None and _says_finished(header, part) and not (part.folder / RECORDS).is_file()


def _says_finished(header: Mapping[str, Any], part: Part) -> bool:
    return header.get("status") == "finished" and _same(header, part)


def _header(folder: Path) -> dict[str, Any] | None:
    try:
        return foreign.document(folder / "run.json")
    except (OSError, ValueError):
        return None  # whoever plays it says what is wrong with it


def _same(header: Mapping[str, Any], part: Part) -> bool:
    """Whether a run that is there was made from the part's configuration."""
    config = header.get("config")
    if not isinstance(config, dict):
        return False
    wanted = portable(part.config)
    keys = (config.keys() | wanted.keys()) - set(_PLACED)
    return all(config.get(key) == wanted.get(key) for key in keys)


def _total(header: Mapping[str, Any]) -> int:
    identity = header.get("identity")
    strategies = identity.get("strategies") if isinstance(identity, dict) else None
    return _number(header.get("problems")) * (len(strategies) if isinstance(strategies, list) else 0)


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _lines(path: Path) -> int:
    try:
        with path.open("rb") as file:
            return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 20), b""))
    except OSError:
        return 0


def _failed_path(part: Part) -> Path:
    return part.folder.with_name(f"{part.folder.name}.failed.txt")


def failed(part: Part, message: str) -> None:
    """Keep why a part failed, for `status`."""
    write_whole(_failed_path(part), message.encode("utf-8", "backslashreplace"))


def mended(part: Part) -> None:
    """Forget that a part failed."""
    _failed_path(part).unlink(missing_ok=True)


def _failure(part: Part) -> str:
    try:
        return foreign.read(_failed_path(part), foreign.MB).decode("utf-8", "replace")
    except (OSError, ValueError):
        return ""


def template_date(study: Study, part: Part) -> str | None:
    """The date that the model's other parts told its chat template, so that all of a study tell one; None: none yet."""
    for other in study.parts:
        if other.model == part.model and (day := RunFolder(other.folder).template_date()) is not None:
            return day.isoformat()
    return None
