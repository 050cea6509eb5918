"""Files that are there whole or not at all, and what they hold."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # no room: on the disk, in a quota, in a file's limit
# No way to a path: a permission, a link to itself, a name that is too long, a file in the place of a folder.
BARRED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ELOOP, errno.ENAMETOOLONG, errno.ENOTDIR)

LOCK = ".lock"  # of `held`, in the folder; it stays there
# What a shell's `>` leads to is open here: a file that took its place would have none of the lines that are printed.
_OUTPUTS = {"/dev/stdout": 1, "/dev/stderr": 2}
_LONG = 200  # bytes of a name that leave room for what `part_of` puts around it


class Held(Exception):
    """A folder is in use."""


def file_name(text: str) -> str:
    """`text` as one part of a path; a digest keeps apart what would look alike."""
    safe = re.sub(r"[^\w.=+-]", "_", text)
    if safe == text and len(text) <= 100 and not text.startswith("."):
        return text
    return f"{safe[:100].lstrip('.')}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


_UNFINISHED = re.compile(r"\..+\.\d+\.part")  # what `writing_whole` leaves behind in a process that is killed


def is_unfinished(path: Path) -> bool:
    """Whether a file is what a killed process left of one that it was writing whole."""
    return bool(_UNFINISHED.fullmatch(path.name))


def write_whole(path: Path, data: bytes) -> None:
    """Write `data` as `writing_whole` does.

    Raises:
        OSError: as `writing_whole`.
    """
    with writing_whole(path) as file:
        file.write(data)


@contextmanager
def writing_whole(path: Path) -> Iterator[BinaryIO]:
    """A file under a temporary name beside `path`, renamed at the end: what was at `path` stays or is replaced.

    A link stays, and what it leads to is replaced. What `is_stream` is written to.

    Raises:
        OSError: the folder is missing or not writable, or the disk is full; `path` is as it was before.
    """
    if is_stream(path):
        with os.fdopen(os.dup(_OUTPUTS[str(path)]), "wb") if str(path) in _OUTPUTS else path.open("wb") as file:
            yield file
        return
    path = Path(os.path.realpath(path)) if path.is_symlink() else path
    part = part_of(path)
    try:
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def is_stream(path: Path) -> bool:
    """Whether `path` is a device, a pipe or an output of this process: no file ever takes its place.

    Raises:
        OSError: there is no way to find out.
    """
    return str(path) in _OUTPUTS or (path.exists() and not (path.is_file() or path.is_dir()))


def part_of(path: Path) -> Path:
    """Where `path` is made before it is whole: beside it, by a name that is no longer than a name may be."""
    name = os.fsencode(path.name)
    kept = path.name if len(name) <= _LONG else hashlib.sha256(name).hexdigest()
    return path.with_name(f".{kept}.{os.getpid()}.part")


def write_folder(path: Path, texts: Mapping[str, str]) -> None:
    """Make the folder `path` with a file for each name, under a temporary name first; it must not be there yet.

    Raises:
        OSError: the folder it is to stand in is missing or not writable, or the disk is full; `path` is not there.
    """
    part = part_of(path)
    try:
        part.mkdir()
        for name, text in texts.items():
            (part / name).write_text(text, encoding="utf-8")
        os.rename(part, path)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keep other processes, and other uses in this one, out of an existing folder: the lock ends with its process.

    Raises:
        Held: someone else has it.
        OSError: the folder cannot be written to, or its file system knows no locks.
    """
    from filelock import FileLock, Timeout

    try:
        with FileLock(folder / LOCK, timeout=0, fallback_to_soft=False):
            yield
    except Timeout as error:
        raise Held from error


def is_held(folder: Path) -> bool:
    """Whether someone has `folder` now; nothing is written.

    Raises:
        OSError: as `held`.
    """
    if not (folder / LOCK).is_file():
        return False
    try:
        with held(folder):
            return False
    except Held:
        return True


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hex.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
