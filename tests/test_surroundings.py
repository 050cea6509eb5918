"""Claims about what strategies leave behind in the process."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.unprivileged import unprivileged
from tts_bench.solving.surroundings import put_back


def test_the_working_folder_and_the_streams_are_put_back_also_where_nobody_may_list_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o111)
    monkeypatch.chdir(closed)
    before = sys.stdout
    with unprivileged(), put_back():
        os.chdir("/")
        sys.stdout = sys.stderr
    assert (Path.cwd(), sys.stdout) == (closed, before)
