"""The documentation's site builds without a warning, and its command line is the one there is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def run(*command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120, env=environment
    )


def test_the_page_of_the_command_line_is_what_the_commands_say() -> None:
    done = run("docs/cli_reference.py", "--check")
    assert done.returncode == 0, done.stderr


def test_the_table_of_columns_is_what_the_measures_say() -> None:
    done = run("docs/measures_reference.py", "--check")
    assert done.returncode == 0, done.stderr


def test_the_table_of_strategies_is_what_they_say() -> None:
    done = run("docs/strategies_reference.py", "--check")
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_notebook_runs_and_shows_what_it_says() -> None:
    done = run("docs/notebook_run.py", "--check")
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_site_builds_without_a_warning_and_fetches_nothing(tmp_path: Path) -> None:
    done = run("-m", "mkdocs", "build", "--site-dir", str(tmp_path))
    assert done.returncode == 0, done.stderr
    pages = list(tmp_path.rglob("*.html"))
    assert len(pages) > 8
    for page in pages:
        text = page.read_text("utf-8")
        assert '<script src="http' not in text
        assert 'rel="stylesheet" href="http' not in text
