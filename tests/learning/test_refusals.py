"""Trainings that cannot be: exit code 2, one message, nothing written."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.on_hf import make_thinker
from tests.refusals import check_message, contents
from tests.tiny import make_tiny
from tts_bench.cli import main as root
from tts_bench.tokens import tokenfile


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    make_thinker(folder / "m", "llama")
    make_tiny(folder / "short", context=128)
    return folder


@pytest.fixture(autouse=True)
def place(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TTS_BENCH_DATA", raising=False)
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    write_rows("data", range(40, 60))
    write_rows("overlapping", range(10))
    Path("used").mkdir()
    Path("used/mine.txt").write_text("mine")
    return tmp_path


def write_rows(folder: str, training: range) -> None:
    splits = {"gsm8k/train": training, "gsm8k/test": range(5, 15), "gsm8k_platinum/test": range(50, 55)}
    for split, numbers in splits.items():
        path = Path(folder, f"{split}.jsonl")
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = [{"question": f"What is {n} and 1?", "answer": f"#### {n + 1}"} for n in numbers]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def refused(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> str:
    before = contents(Path())
    assert root._run(arguments) == 2
    message = capsys.readouterr().err
    check_message(message.splitlines(keepends=True)[-1])
    assert contents(Path()) == before
    return message


BASE = "train-token --model m --task gsm8k --data-dir data --hold-out 4 --device cpu --threads 1 --rows 4 --out t"
AT_ONCE = {
    "--group 1": "--group is 1; it takes at least 2: a lone rollout has nothing to be better than",
    "--lr 0": "--lr is 0.0; it takes a number above 0",
    "--lr -1": "--lr is -1.0; it takes a number above 0",
    "--lr nan": "--lr is nan; it takes a number above 0",
    "--lr inf": "--lr is inf; it takes a number above 0",
    "--clip 1": "--clip is 1.0; it takes a number above 0 and below 1",
    "--steps 0": "--steps is 0; it takes at least 1",
    "--temperature 0": "--temperature 0 makes all rollouts of a group identical",
    "--max-thinking-tokens 1": "too small for a cue. Increase it",
    "--patience 2 --hold-out 0": "--patience needs held-out problems",
    "--task aime24": "--task aime24 has no train split. Tasks that have one: ",
    "--task lm_eval/gsm8k": "is lm-eval's own: it has no train split here",
    "--task gsm9k": "There is no task 'gsm9k'",
    "--test-task gsm9k": "There is no task 'gsm9k'",
    "--model gone": "No model is called 'gone'",
    "--out used": "used exists already. Name a new folder",
    "--out used/mine.txt/t": "is not a writable folder",
    "--data-dir gone": "The data folder gone does not exist",
    "--rollout-engine openai": "--rollout-engine is 'openai'; it takes an engine that supports learned tokens. Known",
    "--rollout-engine vlm": "Did you mean 'vllm'?",
    "--vllm a=1": "--vllm a=1 needs --rollout-engine vllm",
    "--seed -1": "--seed is -1; it takes a whole number from 0",
    "--from ' '": "--from is ' '; it takes a text that is not blank",
}
LOADED = {
    "": "m has no thinking delimiter, and none is given. Type --think-start and --think-end, or --thinking end-of-turn",
    "--thinking think-tags --name </think>": "--name </think> is already a token of m",
    "--thinking think-tags --model short --max-answer-tokens 60": "no room to think in a context of 128",
    "--thinking think-tags --data-dir overlapping": "gsm8k/train.jsonl) are also in its test split",
    "--thinking think-tags --test-task gsm8k_platinum": "gsm8k/train.jsonl) are also among the problems of --test-task",
    "--thinking think-tags --hold-out 20": "gsm8k has 20 training rows, but --hold-out takes 20",
    "--thinking think-tags --max-thinking-tokens 4000": "--max-thinking-tokens 4000 is larger than the context window",
}


@pytest.mark.parametrize("arguments", AT_ONCE)
def test_what_can_be_known_at_once_is_refused_before_anything_is_loaded(
    arguments: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tts_bench.learning.session", None)  # the module that loads torch
    assert AT_ONCE[arguments] in refused(capsys, [*BASE.split(), *shlex.split(arguments)])


@pytest.mark.skipif(find_spec("vllm") is not None, reason="vLLM is installed here")
def test_rollouts_by_an_engine_that_is_not_installed_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    message = refused(capsys, [*BASE.split(), "--rollout-engine", "vllm"])
    assert "needs vLLM, which is not installed here. Type pip install" in message


@pytest.mark.parametrize("arguments", LOADED)
def test_what_the_model_or_the_data_forbid_is_refused_before_anything_is_written(
    arguments: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert LOADED[arguments] in refused(capsys, [*BASE.split(), *arguments.split()])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["show", "gone"], "token folder gone does not exist"),
        (["show", "used"], "used has no card.json"),
        (["export", "token", "--to", "vllm", "--out", "x"], "--to vllm is not supported. Type --to checkpoint"),
        (["export", "token", "--out", "used"], "used exists already"),
        (["export", "token", "--out", "x", "--model", "m"], "was trained for a model with fingerprint"),
        (["init", "--model", "gone", "--out", "x"], "No model is called 'gone'"),
        (["init", "--model", "m", "--out", "used"], "used exists already"),
        (["init", "--model", "m", "--out", "x", "--from", ""], "--from is empty"),
        (["init", "--model", "m", "--out", "x", "--name", " "], "--name is ' '; it takes a text that is not blank"),
        (["init", "--model", "m", "--out", "x", "--name", "Wait"], "--name Wait is already a token of m"),
    ],
)
def test_token_commands_refuse_what_they_cannot_do(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    facts = {"name": "<|t|>", "model": "m", "fingerprint": "f" * 64, "init": "Wait", "training": {}, "licence": "MIT"}
    tokenfile.save(Path("token"), [1.0], **facts)  # type: ignore[arg-type]
    assert says in refused(capsys, ["token", *arguments])


@pytest.mark.slow
def test_a_training_from_the_command_line_writes_a_token_that_can_be_shown_and_run(
    capsys: pytest.CaptureFixture[str],
) -> None:
    small = "--thinking think-tags --max-thinking-tokens 40 --max-answer-tokens 8 --steps 1 --problems-per-step 2"
    small += " --group 3 --test-problems 2 --test-continuations 1 --votes 2"
    assert root._run([*BASE.split(), *small.split()]) == 0
    printed = capsys.readouterr().out
    assert "one run proves nothing" in printed
    assert "over a vote at equal tokens" in printed
    assert {path.name for path in Path("t").iterdir()} == {"token.safetensors", "card.json", "log.jsonl", "curve.png"}
    assert Path("t/curve.png").read_bytes().startswith(b"\x89PNG")
    card = tokenfile.load_card(Path("t"))
    assert card.training["evaluation"]["problems"] == 2
    assert card.training["settings"]["group"] == 3
    assert str(Path().absolute()) not in Path("t/card.json").read_text()
    assert root._run(["token", "show", "t"]) == 0
    assert "2 problems of gsm8k" in capsys.readouterr().out
    assert root._run([*BASE.split(), *small.split()]) == 2  # the folder is in use now
    run = "run --model m --tasks gsm8k --data-dir data --limit 1 --rows 4 --device cpu --max-thinking-tokens 40"
    run += " --thinking think-tags --max-answer-tokens 8 --strategy learned-token:token=t,extensions=1 --out r"
    assert root._run(run.split()) == 0
    assert root._run(["run", "--model", "m", "--tasks", "gsm8k", "--strategy", "learned-token", "--out", "s"]) == 2
    assert "names no token, and no token ships for m" in capsys.readouterr().err
