"""`tts-bench run` given what cannot be: exit code 2, one message that says what to type, and nothing written."""

# ruff: noqa: F811 - fixtures are imported by name
from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from tests import forked
from tests.refusals import MAIN, SCRIPTED, check_message, contents, place, refused, rows, write_data  # noqa: F401 - fixtures
from tests.test_cli_main import HEAVY, tts_bench
from tests.tiny import make_tiny
from tts_bench import models
from tts_bench.tokens import tokenfile

# what is given -> what the message has to say
AT_ONCE = {
    "--strategy baselin": "no strategy 'baselin'. Did you mean 'baseline'",
    "--strategy budget-forcing:extension=2": "'extension'.*Did you mean 'extensions'",
    "--strategy majority-vote:samples=0": "samples is 0; it takes",
    "--strategy majority-vote:samples=many": "samples is 'many'; it takes a whole number",
    "--strategy budget-forcing:extensions=-1": "extensions is -1; it takes",
    "--strategy budget-forcing:cue=": "cue is ''; it takes",
    "--strategy baseline:budgets=128+64": "128.64; it takes rising",
    "--strategy baseline:budgets=0": "budgets is 0; it takes",
    "--strategy baseline:budgets=64+": "budgets",
    "--strategy baseline --strategy baseline": "given twice: both mean",
    "--strategy majority-vote --strategy majority-vote:samples=16": "given twice: both mean",
    "--strategy ./gone.py:Mine": "no file './gone.py'.*Type",
    "--strategy ./plugin.py:Hole": "no class 'Hole'. Did you mean 'Whole'",
    "--strategy ./plugin.py": "without a class. Type",
    "--strategy ./plugin.py:Without": "lacks solve. A strategy is",
    "--strategy ./plugin.py:Loose": "not a frozen dataclass. Write",
    "--strategy ./broken.py:Mine": r"fails at import: ZeroDivisionError.*\(line 2\). Fix it",
    "--strategy ./syntax.py:Mine": r"fails at import: SyntaxError.*\(line 1\). Fix it",
    "--strategy learned-token:token=gone": "token folder gone does not exist. Pass the folder",
    "--tasks gsm9k": "no task 'gsm9k'. Did you mean 'gsm8k'",
    "--tasks ,": "No task is named. Known: ",
    "--tasks gsm8k,gsm8k": "'gsm8k' is named twice",
    "--engine hff": "no engine 'hff'. Did you mean 'hf'",
    "--engine scripted --model ader": "no script 'ader'. Did you mean 'adder'",
    "--engine scripted --dtype bfloat16": "has no option --dtype bfloat16. Remove it",
    "--model smollm": "No model is called 'smollm'.*Did you mean 'smollm2'",
    "--model ./gone/model": "No model is called './gone/model'",
    "--model plugin.py": "is a file, but not a GGUF file. Give",
    "--dtype float23": "no dtype 'float23'. Did you mean 'float32'",
    "--device cudda": "no device 'cudda'. Did you mean 'cuda'",
    "--thinking think-tag": "'think-tag'. Did you mean 'think-tags'",
    "--think-start <t>": "--think-start is given without --think-end.*Add",
    "--temperature -0.5": "--temperature is -0.5; it takes",
    "--temperature nan": "--temperature is nan; it takes",
    "--temperature warm": "--temperature is 'warm'; it has to be a valid number. Type tts-bench run --help",
    "--top-p 0": "--top-p is 0.0; it takes",
    "--top-k -1": "--top-k is -1; it takes",
    "--min-p 1": "--min-p is 1.0; it takes",
    "--continuation-sampling temprature=1": "'temprature'.*Did you mean 'temperature'",
    "--answer-sampling top_k=x": "top_k is 'x'; it takes a whole number",
    "--answer-sampling temperature=nan": "temperature is 'nan'; it takes a number",
    "--limit 0": "--limit is 0; it takes",
    "--limit 1.5": "--limit is '1.5'; it has to be a valid integer. Type tts-bench run --help",
    "--in-flight 0": "--in-flight is 0; it takes",
    "--timeout 0": "--timeout is 0.0; it takes",
    "--timeout nan": "--timeout is nan; it takes",
    "--rows 0": "--rows is 0; it takes",
    "--threads 0": "--threads is 0; it takes",
    "--threads 100000": "--threads is 100000; it takes at most 1024, and this machine has",
    "--workers 100000": "--workers is 100000; it takes at most 1024, and this machine has",
    "--max-thinking-tokens 0": "--max-thinking-tokens is 0; it takes",
    "--max-answer-tokens 0": "--max-answer-tokens is 0; it takes",
    "--data-dir gone": "data folder gone does not exist; expected",
    "--data-dir plugin.py": "data folder plugin.py is a file; expected",
    "--out plugin.py": "--out plugin.py is a file; it takes a folder. Give",
    "--out plugin.py/run": "plugin.py is a file. Give",
    "--out others": "holds files but no run.json.*Give another",
    f"--out {'x' * 300}": "File name too long. Give another",
    "--smaples 3": "No such option.*Type tts-bench run --help",
}


@pytest.mark.parametrize("given", AT_ONCE)
def test_a_bad_option_is_refused_before_anything_is_loaded_and_nothing_is_written(
    refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.setitem(sys.modules, "tts_bench.runs.run", None)  # importing it raises: nothing heavy may follow
    assert re.search(AT_ONCE[given], refused(*given.split(" ")))


@pytest.mark.parametrize(
    "given",
    ["--strategy nope", "--tasks gsm9k", "--model smollm", "--out plugin.py"],
)
def test_a_bad_option_loads_no_model_library_and_writes_nothing(place: Path, given: str) -> None:
    before = contents(place)
    done = tts_bench("run", *given.split(" "))
    said, _, loaded = done.stderr.partition("LOADED")
    assert done.returncode == 2
    check_message(said)
    assert 0 < len(loaded.split()) < 500
    assert not {name.partition(".")[0] for name in loaded.split()} & HEAVY
    assert contents(place) == before


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "is empty"),
        (rows()[:-20], "line 3.*cut off"),
        (rows() + b"\xff\xfe\n", "line 4.*UTF-8"),
        (rows({"question": ..., "problem": "Another?"}), "line 4.*'question'"),
        (rows({"answer": 5}), "line 4.*'answer' holds a whole number; expected a text"),
        (rows({"question": "What is 1 and 1?"}), "line 4.*line 2"),
    ],
)
def test_a_bad_data_file_is_refused_with_file_and_line(refused: Callable[..., str], raw: bytes, says: str) -> None:
    write_data(raw)
    message = refused(*SCRIPTED, "--data-dir", "data")
    assert "data/gsm8k/test.jsonl" in message
    assert re.search(says, message)


def test_a_data_file_that_is_missing_is_refused(refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_DATASETS_OFFLINE", "1")
    monkeypatch.setattr("datasets.load_dataset", lambda *_, **__: (_ for _ in ()).throw(ConnectionError("no network")))
    write_data(rows())
    message = refused(*SCRIPTED, "--data-dir", "data", "--tasks", "aime24")
    assert re.search(r"aime24/test\.jsonl.*Give --data-dir", message)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny(tmp_path_factory.mktemp("models") / "tiny")


def no_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def pickled(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def no_tokenizer(folder: Path) -> None:
    for path in folder.glob("tokenizer*"):
        path.unlink()


def small_matrix(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    cut = {name: value[:100] if "embed_tokens" in name else value for name, value in tensors.items()}
    save_file(cut, folder / "model.safetensors")


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (no_weights, r"has no weights: it contains no \*\.safetensors.*Copy"),
        (pickled, "only as a pickle.*If you trust it, convert it: "),
        (no_tokenizer, "has no tokenizer.*Copy"),
        (small_matrix, r"tokens, but the model's embedding matrix has only 100 rows.*copy"),
    ],
)
def test_a_damaged_model_folder_is_refused_before_anything_is_loaded(
    refused: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    tiny: Path,
    damage: Callable[[Path], None],
    says: str,
) -> None:
    damage(Path(shutil.copytree(tiny, "model")))
    monkeypatch.setitem(sys.modules, "tts_bench.runs.run", None)
    assert re.search(says, refused("--model", "./model"))


def hf(tiny: Path, *arguments: str) -> list[str]:
    return ["--model", str(tiny), "--no-exact", "--device", "cpu", "--out", "runs/mine", "--limit", "1", *arguments]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("--strategy baseline:budgets=64+4000", "4000 tokens is larger than the context window: 2048 .*at most 1791"),
        ("--strategy budget-forcing:budget=3000", "3000 tokens is larger than the context window: 2048 .*at most 1791"),
        ("--max-thinking-tokens 2048", "--max-thinking-tokens 2048 is larger than the context window: 2048.*at most"),
        ("--max-answer-tokens 2047", "--max-answer-tokens 2047 leaves no room"),
        (
            "--max-thinking-tokens 100 --strategy baseline:budgets=200",
            "above the cap of 100.*--max-thinking-tokens 200",
        ),
    ],
)
def test_a_budget_larger_than_the_context_window_is_refused(
    refused: Callable[..., str], tiny: Path, given: str, says: str
) -> None:
    assert re.search(says, refused(*hf(tiny, *given.split(" "))))


@pytest.mark.slow
def test_a_model_that_was_loaded_and_refused_lets_the_program_end(place: Path, tiny: Path) -> None:
    done = forked.run(MAIN, "run", *hf(tiny, "--strategy", "baseline:budgets=4000"), timeout=60)
    check_message(done.stderr)
    assert done.returncode == 2
    assert not (place / "runs").exists()


def token(tiny: Path, row: list[float], fingerprint: str | None = None) -> None:
    tokenfile.save(
        Path("token"),
        row,
        name="<|continue-thinking|>",
        model="tiny",
        fingerprint=fingerprint or models.fingerprint(tiny),
        init="Wait",
        training={},
        licence="MIT",
    )


def another_model(tiny: Path) -> None:
    token(tiny, [0.5] * 64, "f" * 64)


def another_width(tiny: Path) -> None:
    token(tiny, [0.5] * 4)


def not_its_cards_shape(tiny: Path) -> None:
    token(tiny, [0.5] * 64)
    save_file({"row": np.full((2, 64), 0.5, dtype=np.float32)}, "token/token.safetensors")


def not_a_number(tiny: Path) -> None:
    token(tiny, [0.5] * 64)
    save_file({"row": np.full(64, np.nan, dtype=np.float32)}, "token/token.safetensors")


def no_card(tiny: Path) -> None:
    token(tiny, [0.5] * 64)
    Path("token/card.json").unlink()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (another_model, "trained for the model with fingerprint ffff.*Give the model"),
        (another_width, "a row of 4 numbers; the embeddings of .* have 64. Train"),
        (not_its_cards_shape, r"row has shape \[2, 64\]; its card says hidden_size 64"),
        (not_a_number, "row holds NaN or infinity"),
        (no_card, "has no card.json"),
    ],
)
def test_a_token_that_does_not_fit_is_refused(
    refused: Callable[..., str], tiny: Path, make: Callable[[Path], None], says: str
) -> None:
    make(tiny)
    assert re.search(says, refused(*hf(tiny, "--strategy", "learned-token:token=token")))


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("out", "plugin.py", "--out plugin.py is a file; it takes a folder"),
        ("think_start", "<t>", "--think-start is given without --think-end"),
        ("store", "plugin.py", "--store plugin.py cannot be used: it is no store of generations"),
    ],
)
def test_what_a_configuration_file_says_is_refused_with_file_and_line_and_what_is_typed_is_not(
    refused: Callable[..., str], key: str, value: str, said: str
) -> None:
    Path("run.toml").write_text(f'seed = 3\n{key} = "{value}"\n')
    flag, model = f"--{key.replace('_', '-')}", ["--engine", "hf", "--model", "pocket"]
    assert refused("--config", "run.toml", *model).startswith(f"error: run.toml, line 2: {said}")
    assert refused("--config", "run.toml", *model, flag, value).startswith(f"error: {said}")


def test_an_option_that_is_true_or_false_says_so_once_and_a_number_has_plain_digits(
    refused: Callable[..., str],
) -> None:
    said = refused("--engine", "hf:exact=maybe")
    assert "exact is 'maybe'; it takes true or false" in said
    assert "Known" not in said
    assert "it takes a number" in refused("--answer-sampling", "temperature=\u0661")
