"""Claims about interruption: kill -9 at any moment, then the same command again, and nothing shows."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import time
from pathlib import Path

import pytest

from tests.runs import killable
from tts_bench.errors import UserError
from tts_bench.files import LOCK
from tts_bench.runs.folder import RunFolder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return killable.write_problems(tmp_path / "data", 12)


@pytest.mark.slow
def test_kill_9_at_20_random_points_changes_no_byte_and_makes_nothing_twice(tmp_path: Path, data: Path) -> None:
    fork = multiprocessing.get_context("fork")  # lm-eval is imported once, here
    began = time.monotonic()
    killable.run(data, tmp_path / "undisturbed" / "run")
    whole = time.monotonic() - began
    out, log = tmp_path / "killed" / "run", tmp_path / "log"
    points = random.Random(9)
    killed = 0
    for _ in range(20):
        child = fork.Process(target=killable.run, args=(data, out, log))
        child.start()
        child.join(points.uniform(0, whole / 4))
        if child.exitcode is None:
            child.kill()
            child.join()
            killed += child.exitcode == -signal.SIGKILL
    assert killed > 5
    last = fork.Process(target=killable.run, args=(data, out, log))
    last.start()
    last.join()
    assert last.exitcode == 0
    for name in killable.FILES:
        assert (out / name).read_bytes() == (tmp_path / "undisturbed" / "run" / name).read_bytes(), name
    killable.nothing_finished_was_made_again(log)


def test_a_finished_run_repeated_generates_nothing_and_writes_the_same_bytes(tmp_path: Path, data: Path) -> None:
    out = tmp_path / "runs" / "run"
    killable.run(data, out)
    first = {name: (out / name).read_bytes() for name in killable.FILES}
    killable.run(data, out)
    assert {name: (out / name).read_bytes() for name in killable.FILES} == first
    assert json.loads((out / "run.json").read_text())["timing"]["tokens"]["made"] == 0


def test_two_runs_at_once_on_one_store_do_no_harm(tmp_path: Path, data: Path) -> None:
    killable.run(data, tmp_path / "alone" / "run")
    fork = multiprocessing.get_context("fork")
    both = [fork.Process(target=killable.run, args=(data, tmp_path / "shared" / name)) for name in ("one", "two")]
    for run in both:
        run.start()
    for run in both:
        run.join()
    assert [run.exitcode for run in both] == [0, 0]
    alone = (tmp_path / "alone" / "run" / "records.jsonl").read_bytes()
    for name in ("one", "two"):
        assert (tmp_path / "shared" / name / "records.jsonl").read_bytes() == alone


def test_of_two_runs_on_one_folder_the_second_is_refused_and_a_kill_frees_the_folder(
    tmp_path: Path, data: Path
) -> None:
    out, log = tmp_path / "runs" / "run", tmp_path / "log"
    fork = multiprocessing.get_context("fork")
    first = fork.Process(target=killable.run, args=(data, out, log))
    first.start()
    while not (log.exists() and log.read_text()):
        time.sleep(0.01)
    before = {path: path.read_bytes() for path in out.glob("run.json")}
    with pytest.raises(UserError, match=f"--out {out} belongs to a run that is not finished.*give another --out"):
        killable.run(data, out)
    assert {path: path.read_bytes() for path in out.glob("run.json")} == before
    os.kill(first.pid or 0, signal.SIGKILL)
    first.join()
    killable.run(data, out)
    assert json.loads((out / "run.json").read_text())["status"] == "finished"


def test_a_run_that_was_killed_while_it_wrote_its_first_file_is_gone_on_with(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.path.mkdir()
    for name in (LOCK, ".run.json.4711.part"):
        (folder.path / name).touch()
    folder.check()
    with folder.owned({}):
        folder.begin({})
    assert {path.name for path in folder.path.iterdir()} == {LOCK, "run.json"}
    (folder.path / "run.json").unlink()
    (folder.path / "notes.part").touch()
    with pytest.raises(UserError, match="holds files but no run"):
        folder.check()


def test_a_run_that_began_while_another_was_prepared_keeps_its_folder(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    with folder.owned({"seed": 0}):
        folder.begin({"identity": {"seed": 0}})
        with pytest.raises(UserError, match="another process is writing"), folder.owned({"seed": 0}):
            pass
    with pytest.raises(UserError, match="its seed is 0, this run's is 1"), folder.owned({"seed": 1}):
        pass
    with folder.owned({"seed": 0}):
        pass


@pytest.mark.parametrize("schema", [2, 99, "2", None, [1]])
def test_a_run_json_of_another_schema_is_refused_and_stays_as_it_is(schema: object, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.path.mkdir()
    text = json.dumps({"schema": schema, "identity": {"seed": 0}, "new": True})
    (folder.path / "run.json").write_text(text)
    for refused in (folder.check, lambda: folder.claim({"seed": 0})):
        with pytest.raises(UserError, match="another version made it, and nothing was changed"):
            refused()
    with pytest.raises(UserError, match="another version"), folder.owned({"seed": 0}):
        pass
    assert (folder.path / "run.json").read_text() == text
