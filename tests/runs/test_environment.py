"""What a run's header tells of where it was made."""

from __future__ import annotations

import sys

import pytest

from tts_bench.runs.provenance import command


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        (["--out", "/home/me/runs/x"], "--out x"),
        (["--out=/home/me/runs/x"], "--out=x"),
        (["--out", "runs/x"], "--out runs/x"),
        (
            ["--strategy", "learned-token:token=/home/me/tok,extensions=2"],
            "--strategy learned-token:token=tok,extensions=2",
        ),
        (["--strategy", "./mine.py:Mine:cue=and/or"], "--strategy ./mine.py:Mine:cue=and/or"),
        (["--model", "Qwen/Qwen3-0.6B"], "--model Qwen/Qwen3-0.6B"),
    ],
)
def test_the_command_names_no_folder_above_what_was_named(
    monkeypatch: pytest.MonkeyPatch, typed: list[str], kept: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/local/bin/tts-bench", "run", *typed])
    assert command() == f"tts-bench run {kept}"


def test_the_command_of_the_module_is_that_of_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/lib/python3/site-packages/tts_bench/__main__.py", "run"])
    assert command() == "tts-bench run"
