"""Which files ran that belong to no installed package, with their SHA-256: a version tells nothing of them."""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Iterable, Mapping
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
    known = [Path(path).resolve() for path in {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")}]
    known += [Path(path).resolve() for name in _OURS for path in import_module(name).__path__]
    found: dict[Path, str] = {}
    imported = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
    for path in [*(Path(file) for file in imported if isinstance(file, str) and file.endswith(".py")), *more]:
        path = path.resolve()
        if path in found or not path.is_file() or _INSTALLED & {*path.parts}:
            continue
        if not any(path.is_relative_to(folder) for folder in known):
            found[path] = sha256_of(path)
    return found


def listed(found: Mapping[Path, str]) -> list[dict[str, str]]:
    """`files` as run.json has them: paths below the working folder, of others the names alone."""
    here = Path.cwd()
    names = [(path.relative_to(here) if path.is_relative_to(here) else Path(path.name)) for path in found]
    pairs = zip(names, found.values(), strict=True)
    return [{"file": file, "sha256": digest} for file, digest in sorted((n.as_posix(), d) for n, d in pairs)]
