"""Parts of one study, played on several machines, joined in one folder."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from tts_bench.core.store import CorruptStore, Store
from tts_bench.errors import UserError
from tts_bench.files import FULL, LOCK, is_held, sha256_of
from tts_bench.runs.folder import STORE
from tts_bench.studies.file import parsed
from tts_bench.studies.folder import RECORDS, has_lost_records, state_of
from tts_bench.studies.study import PARTS, RESOLVED, Part, Study


def merge(folders: Sequence[Path], out: Path) -> Study:
    """Make the folder `out` of the finished parts and all generations of `folders`, which stay as they are.

    A part that is finished in two of them has to have the same records in both. `out` is there whole or not at all.

    Raises:
        UserError: folders of other studies or in use, parts that differ or lack their records, or an `out` that is
            there or cannot be made.
    """
    if out.exists() or out.is_symlink():
        raise UserError(f"--out {out} is already there. Give another name.")
    first = _study(folders[0])
    for folder in folders[1:]:
        if (other := _study(folder)).digest != first.digest:
            raise UserError(f"{folders[0]} and {folder} are different studies: {_difference(first, other)}")
    chosen = _chosen(first, folders)
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        (part / PARTS).mkdir(parents=True)
        shutil.copyfile(folders[0] / RESOLVED, part / RESOLVED)
        for name, source in chosen.items():
            shutil.copytree(source, part / PARTS / name, ignore=_left_out)
        _join([folder / STORE for folder in folders], part / STORE)
        os.rename(part, out)
    except OSError as error:
        if error.errno in FULL:
            raise
        raise UserError(f"--out {out} cannot be made: {error.strerror or error}. Give another folder.") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return _study(out)


def _left_out(folder: str, names: list[str]) -> set[str]:
    """What belongs to a process, and links, which may lead out of the folder."""
    links = {name for name in names if os.path.islink(os.path.join(folder, name))}
    return links | shutil.ignore_patterns(LOCK, "*.part")(folder, names)


def _study(folder: Path) -> Study:
    """The study in `folder`.

    Raises:
        UserError: there is none.
    """
    path = folder / RESOLVED
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise UserError(f"{folder} is not a study folder: {path} cannot be read ({error.strerror}).") from error
    return parsed(raw, str(path), folder)


def _difference(one: Study, other: Study) -> str:
    """The first line in which two resolved studies differ."""
    lines, others = one.to_toml().splitlines(), other.to_toml().splitlines()
    pairs = zip([*lines, "(nothing)"], [*others, "(nothing)"], strict=False)
    left, right = next((left, right) for left, right in pairs if left != right)
    return f"{left[:200]!r}, and {right[:200]!r} in its place."


def _chosen(study: Study, folders: Sequence[Path]) -> dict[str, Path]:
    """The folder of each finished part."""
    found: dict[str, Path] = {}
    for folder in folders:
        for part in Study(study.models, study.seeds, folder, study.comparisons).parts:
            if has_lost_records(part):
                raise UserError(
                    f"{part.folder} has a run that is finished, but no {RECORDS}. Play it again with tts-bench study "
                    f"run {folder}, or remove it."
                )
            if not state_of(part).readable:
                continue
            if is_held(part.folder):
                raise UserError(f"{part.folder} is in use: another process is writing to it. Wait for it.")
            _check_double(part, found.get(part.name))
            found.setdefault(part.name, part.folder)
    if not found:
        raise UserError(f"no part of {', '.join(map(str, folders))} is finished: there is nothing to merge.")
    return found


def _check_double(part: Part, other: Path | None) -> None:
    if other is None:
        return
    digests = [_digest(folder / RECORDS) for folder in (other, part.folder)]
    if digests[0] != digests[1]:
        raise UserError(
            f"{other} and {part.folder} are the same part with different records: sha256 {digests[0][:12]}, "
            f"{digests[1][:12]}. Remove one of them."
        )


def _digest(path: Path) -> str:
    try:
        return sha256_of(path)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}. Make it readable, or remove its folder.") from error


def _join(stores: Sequence[Path], out: Path) -> None:
    """Put all that `stores` hold into one. Copies are opened: SQLite writes beside a store that is only read."""
    copy = out.with_name("copied")
    with Store(out) as joined:
        for path in filter(Path.is_file, stores):
            try:
                _copy(path, copy)
                with Store(copy) as store:
                    joined.take(store)
            except (CorruptStore, sqlite3.DatabaseError) as error:
                raise UserError(
                    f"the generation store {path} is damaged. Move it away: merge joins the parts without it, and what "
                    "only it holds is generated again where it is wanted."
                ) from error
            copy.unlink()


def _copy(path: Path, copy: Path) -> None:
    """A store as it is at one moment, also where a process writes to it: SQLite then keeps a `-shm` beside it.

    Without one nobody writes, and files are copied: SQLite itself would put a `-shm` there.
    """
    if not Path(f"{path}-shm").exists():
        for suffix in filter(lambda suffix: Path(f"{path}{suffix}").exists(), ("", "-wal")):
            shutil.copyfile(f"{path}{suffix}", f"{copy}{suffix}")
        return
    with (
        closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as source,
        closing(sqlite3.connect(copy)) as target,
    ):
        source.backup(target)
