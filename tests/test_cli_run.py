"""`tts-bench run` given what cannot be: exit code 2, one message that says what to type, and nothing written."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from tqdm import tqdm

from tests.test_cli_main import HEAVY, tts_bench
from tests.tiny import make_tiny
from tts_bench import models
from tts_bench.cli import main as root
from tts_bench.learning import tokenfile

SCRIPTED = ["--engine", "scripted", "--out", "runs/mine"]
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
    "--strategy ./broken.py:Mine": r"fails at import: ZeroDivisionError.*\(line 2\). Mend it",
    "--strategy ./syntax.py:Mine": r"fails at import: SyntaxError.*\(line 1\). Mend it",
    "--strategy learned-token": "token",
    "--strategy learned-token:token=gone": "token folder gone does not exist. Pass the folder",
    "--tasks gsm9k": "no task 'gsm9k'. Did you mean 'gsm8k'",
    "--tasks ,": "No task is named. Known: ",
    "--tasks gsm8k,gsm8k": "'gsm8k' is named twice",
    "--engine hff": "no engine 'hff'. Did you mean 'hf'",
    "--engine scripted --model ader": "no script 'ader'. Did you mean 'adder'",
    "--engine scripted --dtype bfloat16": "--dtype bfloat16 means nothing.*Leave it out",
    "--model smollm": "No model is called 'smollm'.*Did you mean 'smollm2'",
    "--model ./gone/model": "No model is called './gone/model'",
    "--model plugin.py": "is a file, but no GGUF file. Give",
    "--dtype float23": "no dtype 'float23'. Did you mean 'float32'",
    "--device cudda": "no device 'cudda'. Did you mean 'cuda'",
    "--thinking think-tag": "'think-tag'. Did you mean 'think-tags'",
    "--think-start <t>": "--think-start is given without --think-end.*Add",
    "--temperature -0.5": "--temperature is -0.5; it takes",
    "--temperature nan": "--temperature is nan; it takes",
    "--temperature warm": "Invalid value for '--temperature': .*Type tts-bench run --help",
    "--top-p 0": "--top-p is 0.0; it takes",
    "--top-k -1": "--top-k is -1; it takes",
    "--min-p 1": "--min-p is 1.0; it takes",
    "--continuation-sampling temprature=1": "'temprature'.*Did you mean 'temperature'",
    "--answer-sampling top_k=x": "top_k='x'; it takes a number",
    "--answer-sampling temperature=nan": "temperature is nan; it takes",
    "--limit 0": "--limit is 0; it takes",
    "--limit 1.5": "Invalid value for '--limit': .*Type tts-bench run --help",
    "--in-flight 0": "--in-flight is 0; it takes",
    "--timeout 0": "--timeout is 0.0; it takes",
    "--timeout nan": "--timeout is nan; it takes",
    "--rows 0": "--rows is 0; it takes",
    "--threads 0": "--threads is 0; it takes",
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
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def check_message(text: str) -> None:
    assert text.startswith("error: "), text
    assert text.count("\n") == 1, text
    assert len(text) < 900, text
    assert "Traceback" not in text


@pytest.mark.parametrize("given", AT_ONCE)
def test_a_bad_option_is_refused_before_anything_is_loaded_and_nothing_is_written(
    refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.setitem(sys.modules, "tts_bench.cli.report_run", None)  # importing it raises: nothing heavy may follow
    assert re.search(AT_ONCE[given], refused(*given.split(" ")))


@pytest.mark.parametrize(
    "given",
    ["--strategy nope", "--tasks gsm9k", "--model smollm", "--out plugin.py"],
)
def test_a_bad_option_loads_no_model_library_and_takes_under_half_a_second(place: Path, given: str) -> None:
    before = contents(place)

    def once() -> float:
        began = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = tts_bench("run", *given.split(" "))
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        said, _, loaded = done.stderr.partition("LOADED")
        assert done.returncode == 2
        check_message(said)
        assert not {name.partition(".")[0] for name in loaded.split()} & HEAVY
        return ended.ru_utime - began.ru_utime + ended.ru_stime - began.ru_stime

    assert min(once() for _ in range(5)) < 0.5
    assert contents(place) == before


def rows(*changes: dict[str, object]) -> bytes:
    good = [{"question": f"What is {n} and 1?", "answer": f"#### {n + 1}"} for n in range(3)]
    lines = [*good, *({**good[0], "question": "Another?", **change} for change in changes)]
    return b"".join(
        json.dumps({key: value for key, value in line.items() if value is not ...}).encode() + b"\n" for line in lines
    )


def write_data(raw: bytes) -> None:
    Path("data/gsm8k").mkdir(parents=True, exist_ok=True)
    Path("data/gsm8k/test.jsonl").write_bytes(raw)


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "is empty"),
        (rows()[:-20], "line 3.*cut off"),
        (rows() + b"\xff\xfe\n", "line 4.*UTF-8"),
        (rows({"question": ..., "problem": "Another?"}), "line 4.*'question'"),
        (rows({"answer": 5}), "line 4.*'answer' holds a int; expected a str"),
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
        (no_weights, r"has no weights: no \*\.safetensors.*Copy"),
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
    monkeypatch.setitem(sys.modules, "tts_bench.cli.report_run", None)
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
    done = tts_bench("run", *hf(tiny, "--strategy", "baseline:budgets=4000"), program=MAIN)
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


MAIN = "from tts_bench.cli.main import main; main()"
SMALL = [*SCRIPTED, "--data-dir", "data", "--strategy", "baseline"]


def test_another_runs_folder_is_refused_and_left_as_it_is(
    refused: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    write_data(rows())
    assert root._run(["run", *SMALL]) == 0
    capsys.readouterr()
    assert re.search(
        "holds another run's records: its seed is 0, this run's is 1. Give another", refused(*SMALL, "--seed", "1")
    )
    Path("runs/mine/run.json").write_text("{")
    assert re.search("run.json cannot be read as a run.*Give another --out", refused(*SMALL))


def test_a_folder_that_cannot_be_written_to_is_refused(
    refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_data(rows())
    monkeypatch.setattr(
        "os.access", lambda _path, mode: mode == os.R_OK
    )  # tests may run as root, who may write anywhere
    assert re.search("--out runs/mine cannot be written to: no permission in .*Give another", refused(*SMALL))


def test_where_not_even_root_may_write_is_a_message_too(refused: Callable[..., str]) -> None:
    write_data(rows())
    assert re.search("/proc/.* cannot be (made|opened).*Give another", refused(*SMALL, "--out", "/proc/a", begun=True))


@pytest.mark.parametrize("store", ["data", "plugin.py/store.sqlite", "/proc/mine.sqlite"])
def test_a_store_that_cannot_be_used_is_refused_and_no_folder_is_left(refused: Callable[..., str], store: str) -> None:
    write_data(rows())
    assert re.search(
        f"{store} cannot be (opened|used).*Give another --store", refused(*SMALL, "--store", store, begun=True)
    )


def test_a_corrupt_store_is_kept_aside_and_the_same_command_then_works(capsys: pytest.CaptureFixture[str]) -> None:
    write_data(rows())
    store, damaged = Path("runs/generations.sqlite"), b"SQLite format 3\0" + b"junk" * 500
    store.parent.mkdir()
    store.write_bytes(damaged)
    assert root._run(["run", *SMALL]) == 2
    message = capsys.readouterr().err.splitlines()[-1]
    assert re.search("error: .*is damaged.*kept as .*The same command again starts with an empty store", message)
    assert [path.name for path in Path("runs").iterdir()] == ["generations.sqlite.corrupt-1"]
    assert Path("runs/generations.sqlite.corrupt-1").read_bytes() == damaged
    assert root._run(["run", *SMALL]) == 0
    assert Path("runs/mine/records.jsonl").read_text().count("\n") == 3


def test_a_damaged_generation_is_never_answered_from(capsys: pytest.CaptureFixture[str]) -> None:
    """The file opens well; what is damaged shows in the middle of the run, inside all its tasks."""
    import sqlite3

    write_data(rows())
    assert root._run(["run", *SMALL]) == 0
    records = Path("runs/mine/records.jsonl").read_bytes()
    with sqlite3.connect("runs/generations.sqlite") as db:
        db.execute("UPDATE generations SET stop = stop + 1")
    capsys.readouterr()
    assert root._run(["run", *SMALL]) == 2
    assert "error: the generation store" in capsys.readouterr().err
    assert Path("runs/generations.sqlite.corrupt-1").exists()
    assert root._run(["run", *SMALL]) == 0
    assert Path("runs/mine/records.jsonl").read_bytes() == records


def on_a_full_disk(size: int, writing: int) -> None:
    """In a process of its own, in which no file can grow beyond `size` bytes."""
    tqdm.set_lock(threading.RLock())  # its own is shared by forked processes
    with os.fdopen(writing, "w") as sys.stderr:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        code = root._run(["run", *SMALL])
    os._exit(code)


@pytest.mark.parametrize("size", [0, 600, 6_000, 20_000, 40_000])
def test_a_full_disk_is_one_message_and_leaves_no_file_half_written(place: Path, size: int) -> None:
    """Files are refused a byte more than `size`: an empty run.json, a store, records or a picture that do not fit."""
    write_data(rows())
    reading, writing = os.pipe()
    child = multiprocessing.get_context("fork").Process(target=on_a_full_disk, args=(size, writing))
    child.start()
    os.close(writing)
    with os.fdopen(reading) as said:
        lines = said.read().splitlines()
    child.join()
    assert child.exitcode == 2, lines
    assert re.search("^error: .*the same command again", lines[-1])
    assert not any("Traceback" in line for line in lines)
    for path in (place / "runs").rglob("*.json"):
        json.loads(path.read_text())
    for path in (place / "runs").rglob("*.jsonl"):
        assert path.name == "records.part.jsonl" or path.read_bytes().endswith(b"\n")
    assert not list((place / "runs").rglob("*.tmp"))
    assert not list((place / "runs").rglob(".*.part"))
    assert root._run(["run", *SMALL]) == 0
    assert (place / "runs/mine/records.jsonl").read_text().count("\n") == 3


SLOW = """
import sys, time
from tts_bench.engines.scripted import SCRIPTS, adder
def slow(text, draw):
    time.sleep(0.1)
    return adder(text, draw)
SCRIPTS["adder"] = slow
from tts_bench.cli.main import main
main()
"""


@pytest.mark.slow
def test_ctrl_c_exits_with_130_says_how_to_resume_and_the_same_command_does(place: Path) -> None:
    write_data(b"".join(json.dumps({"question": f"{n}?", "answer": f"#### {n}"}).encode() + b"\n" for n in range(40)))
    command = [sys.executable, "-c", SLOW, "run", *SMALL, "--in-flight", "1"]
    child = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    part, deadline = place / "runs/mine/records.part.jsonl", time.monotonic() + 50
    while not (part.exists() and part.read_bytes().count(b"\n") >= 2) and time.monotonic() < deadline:
        time.sleep(0.02)
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=20)
    assert child.returncode == 130, said
    assert said.endswith("Interrupted; the same command again resumes.\n")
    assert "Traceback" not in said
    assert not (place / "runs/mine/records.jsonl").exists()
    assert root._run(["run", *SMALL, "--in-flight", "1"]) == 0
    header = json.loads((place / "runs/mine/run.json").read_text())
    assert header["timing"]["tokens"]["found"] > 0
    assert (place / "runs/mine/records.jsonl").read_text().count("\n") == 40
