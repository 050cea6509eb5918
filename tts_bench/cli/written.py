"""A file that a person names by `--out`: whether it may be written is seen before any work is done for it."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from math import inf
from pathlib import Path

from tts_bench.errors import UserError
from tts_bench.files import FULL, is_stream, write_whole

# What a folder holds, by the file that it is known by; without these nobody can read it any more.
_KEPT = {
    "run.json": {
        "run.json", "records.jsonl", "records.part.jsonl", "curve.json", "logprobs.jsonl.gz", "pool.sqlite",
        "generations.sqlite",
    },
    "study.toml": {"study.toml"},
}  # fmt: skip


def check_out(out: Path) -> None:
    """
    Raises:
        UserError: it is a folder, or cannot be written to; or a run, a study or a store of generations would be lost.
    """
    with told_of(out):
        file = Path(os.path.realpath(out))  # a link is followed when it is written to
        _check_place(out, file)
        kept = {name for header, names in _KEPT.items() if (file.parent / header).is_file() for name in names}
        if file.name in kept or (file.name == "generations.sqlite" and file.exists()):
            folder = file.parent if out.is_symlink() else out.parent
            raise UserError(f"--out {out} belongs to {folder}, which nothing could read without it. Give another file.")


def _check_place(out: Path, file: Path) -> None:
    """
    Raises:
        OSError: as writing to `out`, which leads to `file`, would.
    """
    if out.is_dir():
        raise _no_way(errno.EISDIR)
    place, may = (out, os.W_OK) if is_stream(out) else (file.parent, os.W_OK | os.X_OK)
    try:
        os.stat(out)
    except FileNotFoundError:
        os.stat(place)
    if not os.access(place, may, effective_ids=True):
        raise _no_way(errno.EACCES)


def check_new_folder(out: Path) -> None:
    """
    Raises:
        UserError: something is there already, or no folder can be made there.
    """
    with told_of(out):
        try:
            os.lstat(out)
        except FileNotFoundError:
            there = next(folder for folder in out.absolute().parents if folder.exists())
            if not os.access(there, os.W_OK | os.X_OK, effective_ids=True):
                raise _no_way(errno.EACCES) from None
        else:
            raise _no_way(errno.EEXIST)


def _no_way(number: int) -> OSError:
    return OSError(number, os.strerror(number))


def write(out: Path, data: bytes) -> None:
    """Write what `check_out` let pass.

    Raises:
        UserError: it cannot be written after all.
    """
    with told_of(out):
        write_whole(out, data)


@contextmanager
def told_of(out: Path) -> Iterator[None]:
    """
    Raises:
        UserError: what is done within cannot be done at `out`.
    """
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise
        raise UserError(f"--out {out} cannot be written: {error.strerror}. Give another --out.") from error


def check_megabytes(most: float) -> None:
    """
    Raises:
        UserError: `--max-mb` is no size.
    """
    if not 0 < most < inf:
        raise UserError(f"--max-mb is {most:g}; it takes a number above 0.")
