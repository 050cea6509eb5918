"""`tts-bench run` where folders, stores and disks fail, and where a person interrupts it."""

# ruff: noqa: F811 - fixtures are imported by name
from __future__ import annotations

import json
import multiprocessing
import os
import re
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tqdm import tqdm

from tests import forked
from tests.refusals import PLUGIN, SMALL, place, refused, rows, write_data  # noqa: F401 - fixtures
from tts_bench.cli import main as root
from tts_bench.errors import UserError
from tts_bench.runs.folder import RunFolder


def test_another_runs_folder_is_refused_and_left_as_it_is(
    refused: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    write_data(rows())
    assert root._run(["run", *SMALL]) == 0
    capsys.readouterr()
    assert re.search(
        "holds another run's records: its seed is 0, this run's is 1. Give another", refused(*SMALL, "--seed", "1")
    )
    said = refused("--resume", "runs/mine", "--limit", "2", begun=True)
    assert "its limit is null, this run's is 2. Give another --out, without --resume, or leave out what differs" in said
    Path("runs/mine/run.json").write_text("{")
    assert re.search("run.json cannot be read as a run.*Give another --out", refused(*SMALL))


LONG = {f"strategy {number}": "a" * 40 for number in range(9)}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sources": {**LONG, "strategy 8": "edited"}}, 'its sources, strategy 8, is "aaa.*", this run\'s is "edited"'),
        ({"strategies": ["a", "c"], "sources": {}}, r'its strategies is \["b"\], this run\'s is \["c"\]'),
        ({"strategies": ["b", "a"]}, r'its strategies is \["a", "b"\], this run\'s is \["b", "a"\]'),
        ({"sampling": {"thinking": {"top_p": 0.5}}}, "its sampling, thinking, top_p, is 1.0, this run's is 0.5"),
        (
            {"sampling": {"thinking": {"top_p": 1.0}, "answer": None}},
            'its sampling is {"thinking": .*, this run\'s is {',
        ),
    ],
)
def test_of_what_another_run_had_the_part_that_differs_is_named(
    tmp_path: Path, change: dict[str, object], said: str
) -> None:
    identity = {"strategies": ["a", "b"], "sources": LONG, "sampling": {"thinking": {"top_p": 1.0}}}
    (tmp_path / "run.json").write_text(json.dumps({"identity": identity}))
    RunFolder(tmp_path).claim(identity)
    RunFolder(tmp_path).claim({**identity, "limit": None})  # an option that there was not when the run was made
    with pytest.raises(UserError, match=said):
        RunFolder(tmp_path).claim({**identity, **change})


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
    assert re.search("error: .*is damaged.*kept as .*Repeat the command to start with an empty store", message)
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
    assert re.search("^error: .*repeat the command", lines[-1])
    assert not any("Traceback" in line for line in lines)
    for path in (place / "runs").rglob("*.json"):
        json.loads(path.read_text())
    for path in (place / "runs").rglob("*.jsonl"):
        assert path.name == "records.part.jsonl" or path.read_bytes().endswith(b"\n")
    assert not list((place / "runs").rglob(".*.part"))
    assert root._run(["run", *SMALL]) == 0
    assert (place / "runs/mine/records.jsonl").read_text().count("\n") == 3


CARELESS = """
import asyncio, contextlib, os
from dataclasses import dataclass
@dataclass(frozen=True)
class Moves:
    async def solve(self, problem, reasoner):
        os.chdir("/")
        yield await reasoner.answer(await reasoner.think())
@dataclass(frozen=True)
class Quiet:
    async def solve(self, problem, reasoner):
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
            answer = await reasoner.answer(await reasoner.think())
            await asyncio.sleep(0.01 * (1 + int(problem.id[-1]) % 2))
        yield answer
"""


def test_a_strategy_that_leaves_folder_or_streams_changed_ends_no_run(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_data(rows())
    Path("careless.py").write_text(CARELESS)
    mine = ["--strategy", "./careless.py:Moves", "--strategy", "./careless.py:Quiet"]
    assert root._run(["run", *SMALL, *mine]) == 0
    assert (place / "runs/mine/records.jsonl").read_text().count("\n") == 9
    assert Path.cwd() == place
    assert "Written to runs/mine" in capsys.readouterr().out


def test_a_word_that_is_not_utf_8_is_refused(refused: Callable[..., str]) -> None:
    assert "--system has a byte that is not UTF-8. Write it in UTF-8." in refused(*SMALL, "--system", "\udcff")
    assert r"an option with '\udcff', half of" in refused(*SMALL, "--strategy", "budget-forcing:cue=W\udcff")
    Path("mine.py").write_text(PLUGIN.replace("class Whole:", 'class Whole:\n    cue: str = "\\udc80"'))
    assert r"an option with '\udc80', half of a surrogate pair" in refused(*SMALL, "--strategy", "./mine.py:Whole")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("    def __getattr__(self, name):\n        raise ValueError(name)", "ValueError: budget"),
        ("    size: int = 10**5000", "ValueError: Exceeds the limit"),
    ],
)
def test_a_class_that_fails_when_it_is_looked_at_is_refused(refused: Callable[..., str], body: str, said: str) -> None:
    Path("mine.py").write_text(PLUGIN.replace("class Whole:", f"class Whole:\n{body}"))
    assert said in refused(*SMALL, "--strategy", "./mine.py:Whole")


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
    child = forked.Program(SLOW, "run", *SMALL, "--in-flight", "1")
    part, deadline = place / "runs/mine/records.part.jsonl", time.monotonic() + 50
    while not (part.exists() and part.read_bytes().count(b"\n") >= 2) and time.monotonic() < deadline:
        time.sleep(0.02)
    child.send(signal.SIGINT)
    done = child.wait(timeout=20)
    said = done.stderr
    assert done.returncode == 130, said
    assert said.endswith("Interrupted; repeat the command to resume.\n")
    assert "Traceback" not in said
    assert 2 <= part.read_bytes().count(b"\n") < 40  # it was interrupted amid its problems, each there when finished
    assert not (place / "runs/mine/records.jsonl").exists()
    assert root._run(["run", *SMALL, "--in-flight", "1"]) == 0
    header = json.loads((place / "runs/mine/run.json").read_text())
    assert header["timing"]["tokens"]["found"] > 0
    assert (place / "runs/mine/records.jsonl").read_text().count("\n") == 40
