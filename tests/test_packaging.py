"""What is installed is what lies in the folders: in an editable install, an sdist and a wheel."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

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


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel that was built from that sdist."""
    copy = tmp_path_factory.mktemp("copy") / "repository"
    ignored = shutil.ignore_patterns(".*", "build", "dist", "runs", "*.egg-info", "__pycache__")
    shutil.copytree(ROOT, copy, ignore=ignored)
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", copy.parent / "dist", copy]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return copy.parent / "dist"


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


@pytest.mark.slow
def test_the_wheel_holds_every_file_and_nothing_else(built: Path) -> None:
    names = {name for name in zipfile.ZipFile(only(built, "*.whl")).namelist() if ".dist-info/" not in name}
    assert names == set(sources())


@pytest.mark.slow
def test_the_sdist_holds_every_file_and_the_tests(built: Path) -> None:
    with tarfile.open(only(built, "*.tar.gz")) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {str(file.relative_to(ROOT)) for file in sources().values()} <= names
    assert {"LICENSE", "README.md", "constraints.txt", "tests/test_packaging.py"} <= names


@pytest.mark.slow
def test_the_installed_wheel_runs_from_another_folder(built: Path, tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    python, wheel = venv / "bin" / "python", only(built, "*.whl")
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-index", "--no-deps", wheel]
    subprocess.run(pip, check=True)
    # The dependencies of this environment, on the path after the wheel; its own editable install stays out.
    (site,) = venv.glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    clean = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}

    def run(*command: str | Path) -> str:
        done = subprocess.run(command, cwd=tmp_path, env=clean, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert str(site) in run(python, "-c", "import tts_bench.strategies, tts_bench.tasks; print(tts_bench.__file__)")
    assert "majority-vote" in run(venv / "bin" / "tts-bench", "strategies")
    assert "gsm8k" in run(venv / "bin" / "tts-bench", "tasks")
    leaks = "import importlib.util as u; print([n for n in ('strategies', 'tasks', 'tests') if u.find_spec(n)])"
    assert run(python, "-c", leaks).strip() == "[]"
