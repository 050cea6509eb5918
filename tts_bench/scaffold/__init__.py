"""Beginnings of packages that others write: a few files with names filled in."""

from __future__ import annotations

import importlib.util
import keyword
import re
from collections.abc import Mapping
from pathlib import Path

from tts_bench.errors import UserError
from tts_bench.files import FULL, write_folder

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


def check_name(name: str, taken: list[str]) -> str:
    """The Python module for `name`.

    Raises:
        UserError: it is none of lower-case words joined by hyphens, or it is taken.
    """
    if not _NAME.fullmatch(name):
        raise UserError(f"{name!r} is not a valid name. Type lower-case words joined by hyphens, such as my-idea.")
    if name in taken:
        raise UserError(f"the name {name!r} is taken. Type another one.")
    module = name.replace("-", "_")
    if keyword.iskeyword(module) or importlib.util.find_spec(module) is not None:
        raise UserError(f"the name {name!r} would make a Python module {module}, which exists. Type another one.")
    return module


def write(name: str, texts: Mapping[str, str]) -> Path:
    """Make the folder `name` with these files where the command was typed.

    Raises:
        UserError: there is something of that name, or nothing can be written there.
    """
    folder = Path(name)
    if folder.exists() or folder.is_symlink():
        raise UserError(f"{folder} is already there. Type another name, or move it away.")
    try:
        write_folder(folder, texts)
    except OSError as error:
        if error.errno in FULL:
            raise
        raise UserError(f"the folder {folder} cannot be made here: {error.strerror}.") from error
    return folder
