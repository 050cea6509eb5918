"""What is installed is what lies in the folders: in an editable install, an sdist and a wheel."""

from __future__ import annotations

import ast
import json
import re
import sys
import tarfile
import tomllib
import zipfile
from collections import defaultdict
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tts_bench import __version__

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
FOLDERS = {"tts_bench": "tts_bench", "strategies": "tts_bench/strategies", "tasks": "tts_bench/tasks"}


def sources() -> dict[str, Path]:
    """Path inside the wheel -> file in the repository."""
    return {
        f"{installed}/{file.relative_to(ROOT / folder)}": file
        for folder, installed in FOLDERS.items()
        for file in (ROOT / folder).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }


def only(folder: Path, pattern: str) -> Path:
    (found,) = folder.glob(pattern)
    return found


def test_every_folder_with_python_files_is_in_the_packages_list() -> None:
    packages = {str(Path(path).parent).replace("/", ".") for path in sources() if path.endswith(".py")}
    assert packages == set(PYPROJECT["tool"]["setuptools"]["packages"])


def test_pinned_versions_lie_within_the_bounds_of_pyproject() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = dict(line.split("==") for line in lines if not line.startswith("#"))
    wanted = [*PYPROJECT["project"]["dependencies"], *PYPROJECT["project"]["optional-dependencies"]["dev"]]
    for requirement in map(Requirement, wanted):
        assert requirement.specifier.contains(Version(pins[requirement.name])), requirement


def test_the_citation_has_what_its_format_asks_for() -> None:
    """https://citation-file-format.github.io, version 1.2.0: the keys that must be there."""
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors"} <= cited.keys()
    assert all("name" in author for author in cited["authors"])


def test_the_citation_and_the_change_log_speak_of_this_version() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert cited["version"] == __version__
    assert f"\n## {__version__} ({cited['date-released']})\n" in (ROOT / "CHANGELOG.md").read_text()


def test_hooks_call_programs_that_set_up_installs() -> None:
    [repo] = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert {hook["entry"].split()[0] for hook in repo["hooks"]} == {".venv/bin/ruff", ".venv/bin/tts-bench"}


def test_a_container_runs_targets_of_the_makefile() -> None:
    lines = (ROOT / "Containerfile").read_text().splitlines()
    [command] = [json.loads(line.removeprefix("CMD ")) for line in lines if line.startswith("CMD ")]
    named = {" ".join(command), *re.findall(r"(make [a-z-]+)", "\n".join(lines))}
    assert named == {"make demo", "make test", "make setup"}
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M)
    assert {name.removeprefix("make ") for name in named} <= set(targets)


@pytest.mark.slow
@pytest.mark.xdist_group("installed")
def test_the_wheel_holds_every_file_and_nothing_else(built: Path) -> None:
    names = {name for name in zipfile.ZipFile(only(built, "*.whl")).namelist() if ".dist-info/" not in name}
    assert names == set(sources())


@pytest.mark.slow
@pytest.mark.xdist_group("installed")
def test_the_sdist_holds_the_whole_repository(built: Path) -> None:
    with tarfile.open(only(built, "*.tar.gz")) as archive:
        names = {name.partition("/")[2] for name in archive.getnames() if archive.getmember(name).isfile()}
    repository = built.parent / "repository"
    here = {path.relative_to(repository).as_posix() for path in repository.rglob("*") if path.is_file()}
    assert {".ci/run", "mkdocs.yml", "tests/test_packaging.py"} <= here <= names


def imported() -> dict[str, set[str]]:
    """Top-level modules of others that the package imports anywhere -> the files that do."""
    found: dict[str, set[str]] = defaultdict(set)
    for path, file in sources().items():
        for node in ast.walk(ast.parse(file.read_bytes())) if file.suffix == ".py" else ():
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names.append(str(node.module))
            for name in names:
                found[name.partition(".")[0]].add(path)
    ours = {*sys.stdlib_module_names, "compression", "tts_bench"}  # Python has `compression` from 3.14 on
    return {name: files for name, files in found.items() if name not in ours}


def test_every_import_is_declared_and_every_dependency_is_imported() -> None:
    """An extra may be imported by its own part of the package only, since everything else is there without it."""
    project = PYPROJECT["project"]
    everywhere = {canonicalize_name(Requirement(text).name) for text in project["dependencies"]}
    trackers = dict.fromkeys(("mlflow", "trackio", "wandb"), "tts_bench/present/trackers/")
    parts = {"vllm": "tts_bench/engines/vllm/", "ray": "tts_bench/engines/cluster.py", **trackers}
    parts["polars"] = "tts_bench/present/"
    extras = {
        canonicalize_name(Requirement(text).name): part
        for extra, part in parts.items()
        for text in project["optional-dependencies"][extra]
    }
    absent = {name: [name] for name in parts} | {"mlflow": ["mlflow-skinny"]}  # none of these has to be installed
    distributions = {**absent, **metadata.packages_distributions()}
    used = set()
    for module, files in imported().items():
        names = {canonicalize_name(name) for name in distributions[module]}
        used |= names
        if not names & everywhere:
            [part] = {extras[name] for name in names if name in extras} or {"nowhere, since it is not declared"}
            assert all(file.startswith(part) for file in files), f"{module} may be imported in {part}: {sorted(files)}"
    # transformers imports accelerate to read GGUF files, and lm-eval to load models; pandas writes Parquet by pyarrow
    assert everywhere - used == {"accelerate", "pyarrow"}
