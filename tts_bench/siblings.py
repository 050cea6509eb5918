"""What a strategy's file depends on beside itself: modules in its folder, and files that its options name.

Uses the standard library only.
"""

from __future__ import annotations

import ast
import dataclasses
import hashlib
import importlib.util
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import FileFinder, ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

from tts_bench.files import sha256_of


def siblings(file: Path, source: bytes) -> dict[str, Path]:
    """Modules that stand beside `file` and are imported by it or by one another: name -> its file or `__init__.py`.

    An import inside a function counts. What is installed under the same name comes first, as it does for Python where
    a folder is at the end of its path.
    """
    found: dict[str, Path] = {}
    waiting = [(file, source)]
    while waiting:
        path, text = waiting.pop()
        for name in _imported(path, text):
            beside = _beside(file.parent, name)
            if beside is None or name in found or beside == file or not _resolves(name, beside):
                continue
            found[name] = beside
            waiting += [(part, part.read_bytes()) for part in files_of(beside)]
    return dict(sorted(found.items()))


def files_of(module: Path) -> list[Path]:
    """The files of a module: its own, or all Python files of a package."""
    return sorted(module.parent.rglob("*.py")) if module.name == "__init__.py" else [module]


def described(found: Mapping[str, Path]) -> list[str]:
    """The files of siblings, each with its SHA-256, as a strategy's source has them."""
    found_files = []
    for module in found.values():
        folder = module.parent.parent if module.name == "__init__.py" else module.parent
        found_files += [(part.relative_to(folder).as_posix(), part) for part in files_of(module)]
    return [f"{name} sha256:{sha256_of(part)}" for name, part in found_files]


def options_described(strategy: object) -> list[str]:
    """The files and folders that options of a built strategy name, each with the SHA-256 of what is in it."""
    fields = dataclasses.fields(strategy) if dataclasses.is_dataclass(strategy) else ()
    return [f"{field.name} {_digest(path)}" for field in fields for path in _paths(getattr(strategy, field.name, None))]


def _paths(value: object) -> Sequence[Path]:
    values = value if isinstance(value, tuple) else (value,)
    return [part for part in values if isinstance(part, Path)]


def _digest(path: Path) -> str:
    if path.is_file():
        return f"sha256:{sha256_of(path)}"
    if not path.is_dir():
        return "missing"
    parts = sorted(part for part in path.rglob("*") if part.is_file())
    listing = "".join(f"{part.relative_to(path).as_posix()}\0{sha256_of(part)}\n" for part in parts)
    return f"sha256:{hashlib.sha256(listing.encode()).hexdigest()}"


def _imported(path: Path, source: bytes) -> Iterator[str]:
    """First names of what is imported; of a file that is no Python, none: its own import says what is wrong."""
    try:
        tree = ast.parse(source, path)
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def _beside(folder: Path, name: str) -> Path | None:
    places = (folder / name / "__init__.py", folder / f"{name}.py")
    return next((place for place in places if place.is_file()), None)


def _resolves(name: str, beside: Path) -> bool:
    """Whether Python would not find another module of that name; this package is never a sibling."""
    if name == __name__.partition(".")[0] or name in sys.stdlib_module_names:
        return False
    if isinstance(getattr(sys.modules.get(name), "__loader__", None), _Exact):
        return True  # of a strategy that was loaded before
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return False
    return spec is None or (spec.origin is not None and Path(spec.origin).resolve() == beside.resolve())


class _Exact(SourceFileLoader):
    """Runs the bytes that are there: a cached bytecode file may be of another version."""

    def get_code(self, fullname: str) -> CodeType:
        code: CodeType = compile(self.get_data(self.path), self.path, "exec", dont_inherit=True)
        return code


class _Finder(MetaPathFinder):
    """Finds the siblings of strategies that were loaded, also for imports inside their functions."""

    def __init__(self) -> None:
        self.modules: dict[str, Path] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        file = self.modules.get(fullname.partition(".")[0])
        if file is None:
            return None
        if "." in fullname:  # within a package
            return FileFinder(path[0], (_Exact, [".py"])).find_spec(fullname) if path else None
        folder = [str(file.parent)] if file.name == "__init__.py" else None
        return importlib.util.spec_from_file_location(
            fullname, file, loader=_Exact(fullname, str(file)), submodule_search_locations=folder
        )


def offer(found: Mapping[str, Path]) -> None:
    """Let these modules be imported, as they are now: those of a strategy loaded before are imported anew."""
    if not found:
        return
    finder = next((known for known in sys.meta_path if isinstance(known, _Finder)), None)
    if finder is None:
        finder = _Finder()
        sys.meta_path.insert(0, finder)
    for name, file in found.items():
        for loaded in [known for known in sys.modules if known == name or known.startswith(f"{name}.")]:
            del sys.modules[loaded]
        finder.modules[name] = file.resolve()
