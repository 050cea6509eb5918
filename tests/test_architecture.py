"""Imports point one way: docs/architecture.md has the rooms in order, and this holds every import to it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from importlib.util import resolve_name
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "tts_bench"
SHIPPED = {
    "tasks": ROOT / "tasks",
    "strategies": ROOT / "strategies",
}  # installed as tts_bench.tasks, tts_bench.strategies


def rooms() -> list[str]:
    """The rooms of the page's table, the lowest first; a row may name several that do not import each other."""
    section = (ROOT / "docs" / "architecture.md").read_text().split("\n## Rooms\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`[^|]+`) \|", section, re.M)
    return [name for row in rows for name in re.findall(r"`(\w+)`", row)]


def room(module: str) -> str | None:
    """`tts_bench.engines.hf.loop` is in engines, `tts_bench.core.store` in store; `tts_bench.__main__` is in none."""
    package, _, rest = module.partition(".")
    name = rest.partition(".")[0]
    return name if package == "tts_bench" and name and not name.startswith("__") else None


def modules() -> Iterator[tuple[str, Path]]:
    """Every module as it is installed, and its file."""
    for name, folder in {"": PACKAGE, **SHIPPED}.items():
        for path in folder.rglob("*.py"):
            parts = ["tts_bench"] + [name] * bool(name) + list(path.relative_to(folder).with_suffix("").parts)
            yield ".".join(parts), path


def imported() -> Iterator[tuple[str, str]]:
    """Every import, within functions too: what is imported, and the module that does."""
    for inside, path in modules():
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Import):
                yield from ((alias.name, inside) for alias in node.names)
            if isinstance(node, ast.ImportFrom):
                whole = resolve_name("." * node.level + (node.module or ""), inside.rpartition(".")[0])
                yield from ((f"{whole}.{alias.name}", inside) for alias in node.names)


def imports() -> Iterator[tuple[str, str, str]]:
    """Every import between two rooms: from, to, and the module it stands in."""
    for module, inside in imported():
        here, there = room(inside), room(module)
        if here and there and here != there:
            yield here, there, inside


def test_every_room_stands_in_the_table_once() -> None:
    there = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    there = {name for name in there if not name.startswith("__")} | set(SHIPPED)
    assert sorted(rooms()) == sorted(there)


def test_no_import_points_upwards() -> None:
    order = {name: place for place, name in enumerate(rooms())}
    upward = [f"{where}: {here} imports {there}" for here, there, where in imports() if order[there] >= order[here]]
    assert not upward, "\n".join(upward)


def test_no_files_import_each_other_in_a_circle() -> None:
    """Within functions and for types alone counts, too; what a package hands on from its modules does not."""
    files = {module for module, path in modules() if path.name != "__init__.py"}
    needed = {module: set[str]() for module in files}
    for module, inside in imported():
        of = module if module in files else module.rpartition(".")[0]
        if inside in files and of in files:
            needed[inside].add(of)
    list(TopologicalSorter(needed).static_order())  # raises CycleError, which names them


def test_nothing_of_the_package_imports_the_factory_of_its_control_model() -> None:
    """`pocket/` is not installed: it is called from a checkout, and makes what `models/pocket` holds."""
    assert not [where for module, where in imported() if module.partition(".")[0] == "pocket"]


def test_lm_eval_is_imported_in_its_room_and_where_a_task_is_loaded_only() -> None:
    elsewhere = {"tts_bench.tasks.loading", "tts_bench.tasks.yaml_bounds", "tts_bench.cli.lm_eval"}
    importing = {where for module, where in imported() if module.partition(".")[0] == "lm_eval"}
    assert {where for where in importing if room(where) != "lm_eval"} == elsewhere


@pytest.mark.parametrize(("library", "places"), [("matplotlib", {"present"}), ("jinja2", {"templates"})])
def test_a_library_is_imported_in_its_room_only(library: str, places: set[str]) -> None:
    assert {room(where) for module, where in imported() if module.partition(".")[0] == library} == places


def test_what_reads_and_plays_prints_nothing() -> None:
    """rich is the presenting room's and the command line's; one engine words sizes by it."""
    rich = {where for module, where in imported() if module.partition(".")[0] == "rich"}
    assert {where for where in rich if room(where) not in ("present", "cli")} == {"tts_bench.engines.vllm.weights"}


@pytest.mark.parametrize("name", ["api", "engine", "streams", "errors"])
def test_the_contracts_import_nothing_but_what_is_below_them(name: str) -> None:
    allowed = set(rooms()[: rooms().index(name)])
    assert {there for here, there, _ in imports() if here == name} <= allowed


LONGEST = 350  # lines of a file
LONGEST_FUNCTION = 60
LONGER = {
    "tests/families.py",  # a table of templates
    "tts_bench/api.py",  # the contract of strategies stands in one place
}
LONGER_FUNCTIONS = {  # one step after another, from a folder of files to an engine that runs
    ("tts_bench/engines/hf/load.py", "load"),
    ("tts_bench/engines/vllm/load.py", "load"),
}
CODE = ("tts_bench", "strategies", "tasks", "pocket", "benchmarks", "tests", "docs", "examples")


def code() -> Iterator[Path]:
    for folder in CODE:
        yield from (ROOT / folder).rglob("*.py")


def test_no_file_is_longer_than_a_reader_holds_in_mind() -> None:
    long = {str(path.relative_to(ROOT)) for path in code() if len(path.read_text("utf-8").splitlines()) > LONGEST}
    assert long <= LONGER, long - LONGER


def test_no_function_is_longer_than_a_screen() -> None:
    long = {
        (str(path.relative_to(ROOT)), node.name)
        for path in code()
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno >= LONGEST_FUNCTION
    }
    assert long == LONGER_FUNCTIONS
