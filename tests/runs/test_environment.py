"""What a run's header tells of where it was made."""

from __future__ import annotations

import shlex
import sys

import pytest

from tts_bench.cli.main import parses
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
        (["--model", "/home/me/m", "--seed", "1"], "--model m --seed 1"),
        (["--tasks", "/home/me/a.yaml,gsm8k,/home/me/b.yaml"], "--tasks a.yaml,gsm8k,b.yaml"),
        (["--strategy", "/home/me/s.py:C:token=/home/me/t,n=3"], "--strategy s.py:C:token=t,n=3"),
        (["--strategies", "shelf,/home/me/s.py:C,-deer"], "--strategies shelf,s.py:C,-deer"),
        (
            ["--scorer", "m=function:aggregate=min,call=/home/me/s.py:f"],
            "--scorer m=function:aggregate=min,call=s.py:f",
        ),
        (["--scorer", "j=judge:model=/home/me/m,good=/yes"], "--scorer j=judge:model=m,good=/yes"),
        (
            ["--engine", "openai:base_url=http://h/v1,tokenizer=/me/t"],
            "--engine openai:base_url=http://h/v1,tokenizer=t",
        ),
        (["--vllm=download_dir=/home/me/w"], "--vllm=download_dir=w"),
        (["--quiet", "/home/me/outputs.jsonl", "--task=/home/me/a.yaml"], "--quiet outputs.jsonl --task=a.yaml"),
    ],
)
def test_the_command_names_no_folder_above_what_was_named(
    monkeypatch: pytest.MonkeyPatch, typed: list[str], kept: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/local/bin/tts-bench", "run", *typed])
    assert command() == f"tts-bench run {kept}"


@pytest.mark.parametrize(
    "typed",
    [
        ["--system", "/no_think"],
        ["--system=/no_think"],
        ["--answer-suffix", "/final"],
        ["--strategy", "budget-forcing:cue=/no_think,extensions=2"],
        ["--strategy", "budget-forcing:cue=a/b: /c"],
        ["--template-arg", "mode=/think"],
    ],
)
def test_a_text_that_begins_with_a_slash_stays_in_the_command(
    monkeypatch: pytest.MonkeyPatch, typed: list[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["tts-bench", "run", *typed])
    assert shlex.split(command()) == ["tts-bench", "run", *typed]
    assert parses(shlex.split(command())[1:])


def test_the_command_of_the_module_is_that_of_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/lib/python3/site-packages/tts_bench/__main__.py", "run"])
    assert command() == "tts-bench run"
