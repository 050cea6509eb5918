"""Claim: run.json names every file of code that ran and belongs to no installed package, with its SHA-256."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from hashlib import sha256
from pathlib import Path
from types import ModuleType

import pytest

from tts_bench.runs import outside
from tts_bench.scaffold import task

ROOT = Path(__file__).parents[2]
STRATEGY = """
from dataclasses import dataclass
import sibling_of_mine

@dataclass(frozen=True)
class Mine:
    async def solve(self, problem, reasoner):
        import imported_late
        yield await reasoner.answer(await reasoner.think())
"""


def test_strategies_siblings_yaml_files_and_their_functions_are_named(tmp_path: Path) -> None:
    texts = task.folder("adding")
    yaml = texts.pop("adding.yaml").replace("tts_bench.tasks.hooks.prompt", "wording.prompt")
    files = {
        "mine.py": STRATEGY,
        "sibling_of_mine.py": "",
        "imported_late.py": "",
        "adding.yaml": f"include: base.yaml\n{yaml}",
        "base.yaml": "repeats: 1\n",
        "wording.py": "def prompt(row):\n    return row['question']\n",
    }
    for name, text in {**files, "problems.jsonl": texts["problems.jsonl"]}.items():
        (tmp_path / name).write_text(text)
    command = [sys.executable, "-m", "tts_bench", "run", "--engine", "scripted", "--tasks", "./adding.yaml"]
    command += ["--strategy", "./mine.py:Mine", "--out", "run"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    told = json.loads((tmp_path / "run" / "run.json").read_text("utf-8"))["outside_code"]
    assert told == [{"file": name, "sha256": sha256(files[name].encode()).hexdigest()} for name in sorted(files)]


def test_what_the_system_links_into_the_standard_library_is_not_named_and_a_link_elsewhere_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Debian's sitecustomize.py lies in /etc."""
    for folder in ("standard", "etc", "mine"):
        (tmp_path / folder).mkdir()
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path / "standard"))
    for number, folder in enumerate(("standard", "mine")):
        target = tmp_path / "etc" / f"custom{number}.py"
        target.write_text("")
        link = tmp_path / folder / target.name
        link.symlink_to(target)
        module = ModuleType(f"custom{number}")
        module.__file__ = str(link)
        monkeypatch.setitem(sys.modules, module.__name__, module)
    found = {path.name for path in outside.files() if path.is_relative_to(tmp_path)}
    assert found == {"custom1.py"}
