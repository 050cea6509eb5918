"""Commands of `tts-bench run` that have to be refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tts_bench.cli import main as root

MAIN = "from tts_bench.cli.main import main; main()"
SCRIPTED = ["--engine", "scripted", "--out", "runs/mine"]
SMALL = [*SCRIPTED, "--data-dir", "data", "--strategy", "baseline"]
PLUGIN = """
from dataclasses import dataclass
@dataclass(frozen=True)
class Whole:
    async def solve(self, problem, reasoner):
        yield await reasoner.answer(await reasoner.start())
@dataclass(frozen=True)
class Without:
    n: int = 1
class Loose:
    async def solve(self, problem, reasoner):
        yield 1
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with some files in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TTS_BENCH_DATA", raising=False)
    for name, text in {
        "plugin.py": PLUGIN,
        "broken.py": "one = 1\none / 0\n",
        "syntax.py": "class Mine(:\n",
        "others/notes.txt": "mine",
    }.items():
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(text)
    return tmp_path


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str], place: Path) -> Callable[..., str]:
    """Run a command that has to be refused with exit code 2 and one message, and to leave every file as it was."""

    def run(*arguments: str, begun: bool = False) -> str:
        before = contents(place)
        assert root._run(["run", *arguments]) == 2
        message = capsys.readouterr().err
        if begun:  # lines of progress stand before it
            message = message.splitlines(keepends=True)[-1]
        check_message(message)
        assert contents(place) == before
        return message

    return run


def contents(folder: Path) -> dict[Path, bytes | None]:
    """Everything below, but what Python compiles where it imports."""
    found = (path for path in folder.rglob("*") if "__pycache__" not in path.parts)
    return {path: path.read_bytes() if path.is_file() else None for path in found}


def check_message(text: str) -> None:
    assert text.startswith("error: "), text
    assert text.count("\n") == 1, text
    assert len(text) < 900, text
    assert "Traceback" not in text


def rows(*changes: dict[str, object]) -> bytes:
    good: list[dict[str, object]] = [{"question": f"What is {n} and 1?", "answer": f"#### {n + 1}"} for n in range(3)]
    lines: list[dict[str, object]] = [*good, *({**good[0], "question": "Another?", **change} for change in changes)]
    return b"".join(
        json.dumps({key: value for key, value in line.items() if value is not ...}).encode() + b"\n" for line in lines
    )


def write_data(raw: bytes) -> None:
    Path("data/gsm8k").mkdir(parents=True, exist_ok=True)
    Path("data/gsm8k/test.jsonl").write_bytes(raw)
