"""Processes that train together train the row that one process trains, and fail together."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import forked, warm
from tests.learning.groups import ends, start
from tests.learning.made_up import thinker, trainer
from tests.learning.test_train import closing, plain, quiet
from tts_bench.config import ModelConfig
from tts_bench.errors import UserError
from tts_bench.learning import process_group
from tts_bench.learning.process_group import SOLO, ProcessGroup
from tts_bench.learning.session import _share, check_alike


@dataclass(frozen=True)
class Heard(ProcessGroup):
    """One process of several, that knows beforehand what the others say."""

    said: tuple[Any, ...] = ()

    def _exchange(self, said: Any) -> list[Any]:  # noqa: ANN401
        return [*self.said[: self.rank], said, *self.said[self.rank + 1 :]]


@given(st.lists(st.integers(), max_size=20), st.integers(1, 5))
def test_what_is_dealt_out_comes_back_in_order_to_everyone(items: list[int], size: int) -> None:
    shares = tuple([2 * item for item in items[rank::size]] for rank in range(size))
    for rank in range(size):
        one = Heard(rank, size, said=shares)
        assert one.each(items, lambda mine: [2 * item for item in mine]) == [2 * item for item in items]


def test_one_process_alone_touches_no_distribution(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.distributed", None)
    for name in ("RANK", "WORLD_SIZE", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)
    with process_group.joined() as processes:
        assert processes is SOLO
        assert processes.leads
        assert processes.each([1, 2], lambda mine: [one + 1 for one in mine]) == [2, 3]
        assert processes.all(lambda: 5) == [5]
        assert processes.first(lambda: 6) == 6
        with pytest.raises(ValueError, match="mine"), processes.united():
            raise ValueError("mine")
    assert "CUDA_VISIBLE_DEVICES" not in os.environ
    assert not process_group.follows()


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"WORLD_SIZE": "2"}, r"WORLD_SIZE is 2, but RANK and MASTER_ADDR and MASTER_PORT is not set.*torchrun"),
        ({"WORLD_SIZE": "2", "RANK": "0", "MASTER_ADDR": "a", "MASTER_PORT": "0"}, "but MASTER_PORT is not set"),
        ({"WORLD_SIZE": "two"}, "WORLD_SIZE is 'two' in the environment"),
    ],
)
def test_an_environment_that_no_launcher_made_is_named(
    variables: dict[str, str], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=says), process_group.joined():
        pass


@pytest.mark.parametrize(
    ("seen", "local", "own"),
    [(None, 1, "1"), ("4,6", 0, "4"), ("4,6", 1, "6"), ("4,6", 2, ""), ("GPU-a,GPU-b", 1, "GPU-b")],
)
def test_each_process_sees_a_gpu_of_its_own(
    seen: str | None, local: int, own: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", seen or "")
    if seen is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    process_group._see_one_gpu(local)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == own


def test_each_process_has_its_share_of_the_cores_and_its_model_in_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(9)))
    assert _share(ModelConfig(), ProcessGroup(5, 8, local=1, beside=4)) == ModelConfig(engine="hf:workers=1,threads=2")
    assert _share(ModelConfig(engine="hf:threads=3"), ProcessGroup(5, 8, local=1, beside=4)) == ModelConfig(
        engine="hf:workers=1,threads=3"
    )
    assert _share(ModelConfig(), SOLO) == ModelConfig(engine="hf:workers=1")


def test_processes_that_would_not_train_the_same_row_are_refused() -> None:
    check_alike([{"model": "a", "data": "d"}] * 3)
    with pytest.raises(UserError, match=r"process 0 and process 1 differ in their engine: 'cuda' and 'cpu'.*fewer"):
        check_alike([{"engine": "cuda"}, {"engine": "cpu"}])


TALK = """
import sys, time
from datetime import timedelta
from tts_bench.errors import UserError
from tts_bench.learning.process_group import joined

class Odd(Exception):
    def __init__(self, one, two): super().__init__(one)

def fails(error):
    raise error

with joined(timedelta(seconds=float(sys.argv[1]))) as processes:
    tens = processes.each(range(5), lambda mine: [10 * one for one in mine])
    print(tens, processes.first(lambda: processes.rank), flush=True)
    for error in (UserError("mend this"), Odd(1, 2)):
        try:
            processes.all(lambda: fails(error) if processes.rank else None)
        except Exception as heard:
            print(type(heard).__name__, heard, flush=True)
    if processes.rank:
        time.sleep(3600)
    try:
        processes.all(lambda: 1)
    except UserError as heard:
        print(heard, flush=True)
"""


@pytest.mark.slow
def test_processes_tell_each_other_results_and_errors_and_wait_for_none_that_hangs() -> None:
    one, two = start(TALK, 20)
    [(code, said, wrong)] = ends([one])
    two.kill()
    [(_, others, _)] = ends([two])
    assert code == 0, wrong
    lines, other = said.splitlines(), others.splitlines()
    assert lines[0] == other[0] == "[0, 10, 20, 30, 40] 0"
    assert lines[1] == other[1] == "UserError mend this"
    assert lines[2] == "RuntimeError Odd: 1"  # an error that cannot be sent comes as its words
    assert other[2] == "Odd 1"
    assert lines[3].startswith("another of the 2 training processes has ended or hangs (")
    assert "repeat the command to resume" in lines[3]


TRAIN = """
import asyncio, json, os, signal, sys
from pathlib import Path
from tests.learning.made_up import thinker, trainer
from tts_bench.errors import UserError
from tts_bench.learning.process_group import joined
folder, dies = Path(sys.argv[1]), int(sys.argv[2])
with joined() as processes:
    model = thinker(folder / "m")
    made = trainer(model, folder / "group", processes=processes, problems_per_step=3)
    def report(line):
        print(line["step"], flush=True)
        if processes.rank and line["step"] == dies:
            os.kill(os.getpid(), signal.SIGKILL)
    try:
        state = made.train(report, print)
    except UserError as error:
        print(error, flush=True)
        sys.exit(2)
    finally:
        asyncio.run(model.engine.close())
    print(json.dumps([state.row.tolist(), state.log]), flush=True)
"""


@pytest.mark.slow
def test_two_processes_train_the_row_of_one_bit_for_bit_also_when_one_is_killed_and_all_start_again(
    tmp_path: Path,
) -> None:
    with closing(thinker(tmp_path / "m")) as model:
        alone = trainer(model, tmp_path / "alone", problems_per_step=3).train(quiet, quiet)
    one, two = ends(start(TRAIN, tmp_path, 2))
    assert two[0] == -signal.SIGKILL
    assert one[0] == 2, one[2]
    assert "another of the 2 training processes has ended" in one[1].splitlines()[-1]
    again = ends(start(TRAIN, tmp_path, -1))
    assert [code for code, _, _ in again] == [0, 0], again
    (row, log), other = (json.loads(said.splitlines()[-1]) for _, said, _ in again)
    assert row == other[0] == alone.row.tolist()
    assert plain(log) == json.loads(json.dumps(plain(alone.log)))
    assert [line.get("engine", {}).get("tokens") for line in log] == [
        line.get("engine", {}).get("tokens") for line in alone.log
    ]


def rows_of(path: Path, numbers: range) -> None:
    rows = [{"question": f"What is {n} and 1?", "answer": f"#### {n + 1}"} for n in numbers]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["torchrun", "accelerate"])
def test_a_launcher_trains_with_one_voice_and_a_mistake_is_told_once(tmp_path: Path, door: Path, launcher: str) -> None:
    """accelerate starts processes by torchrun's own launcher: the mistake is made with one of the two."""
    command = tmp_path / "tts-bench"
    warm.put(command, Path(sys.executable), door)
    thinker_folder = tmp_path / "m"
    with closing(thinker(thinker_folder)):
        pass
    (tmp_path / "data/gsm8k").mkdir(parents=True)
    rows_of(tmp_path / "data/gsm8k/train.jsonl", range(40, 60))
    rows_of(tmp_path / "data/gsm8k/test.jsonl", range(5, 15))
    by = {
        "torchrun": [
            *("torch.distributed.run", "--standalone", "--local-addr", "127.0.0.1", "--nproc-per-node", "2"),
            "--no-python",
        ],
        "accelerate": [
            *("accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--main_process_port", "0"),
            "--no_python",
        ],
    }[launcher]
    module, *options = by
    small = "train-token --model m --task gsm8k --data-dir data --device cpu --threads 1 --rows 4 --out t --steps 1"
    small += " --thinking think-tags --max-thinking-tokens 40 --max-answer-tokens 8 --group 3 --problems-per-step 2"
    small += " --test-problems 0"

    def launch(*more: str) -> subprocess.CompletedProcess[str]:
        start = f"from {module} import main\nmain()"
        return forked.run(start, *options, command, *small.split(), *more, cwd=tmp_path)

    if launcher == "torchrun":
        refused = launch("--hold-out", "20")
        assert refused.returncode != 0
        told = [line for line in refused.stderr.splitlines() if line.startswith("error: ")]
        assert told == ["error: gsm8k has 20 training rows, but --hold-out takes 20. Give a smaller --hold-out."]
        assert "exitcode  : 2" in refused.stderr
        assert not (tmp_path / "t.training").exists()
    done = launch("--hold-out", "3")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("step   1/1") == 1
    assert "processes 2; they share" in done.stdout
    assert (tmp_path / "t/token.safetensors").is_file()
