"""Which files ran that belong to no installed package, with their SHA-256: a version tells nothing of them."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path

from tts_bench.files import sha256_of

_INSTALLED = {"site-packages", "dist-packages"}
_OURS = ("tts_bench", "tts_bench.strategies", "tts_bench.tasks")


def files(more: Iterable[Path] = ()) -> dict[Path, str]:
    """SHA-256 of every outside Python file that is imported in this process, and of `more`.

    That is a strategy's file and what it imports from beside it, a plugin installed as editable, what a YAML file
    names by `!function`, a model's own code, and the script that runs all this.
    """
    standard = {Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib")}
    known = standard | {Path(path).resolve() for name in _OURS for path in import_module(name).__path__}
    imported = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
    files = [*(file for file in imported if isinstance(file, str) and file.endswith(".py")), *map(str, more)]
    real = cache(os.path.realpath)  # of folders: thousands of modules are in a few hundred

    @cache
    def installed(folder: str) -> bool:
        place = Path(folder)
        return bool(_INSTALLED & {*place.parts}) or not known.isdisjoint((place, *place.parents))

    found: dict[Path, str] = {}
    for file in files:
        folder, name = os.path.split(file)
        if os.path.islink(file):
            if Path(real(folder)) in standard:  # Debian's sitecustomize.py leads to /etc
                continue
            folder, name = os.path.split(os.path.realpath(file))
        if not installed(real(folder)) and (path := Path(real(folder), name)) not in found and path.is_file():
            found[path] = sha256_of(path)
    return found


def listed(found: Mapping[Path, str]) -> list[dict[str, str]]:
    """`files` as run.json has them: paths below the working folder, of others the names alone."""
    here = Path.cwd()
    names = [(path.relative_to(here) if path.is_relative_to(here) else Path(path.name)) for path in found]
    pairs = zip(names, found.values(), strict=True)
    return [{"file": file, "sha256": digest} for file, digest in sorted((n.as_posix(), d) for n, d in pairs)]
