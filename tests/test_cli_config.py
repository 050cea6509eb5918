"""Claims about `--config`, `--resume` and `tts-bench config show`: flags, files and Python make the same run."""

# ruff: noqa: F811 - fixtures are imported by name
from __future__ import annotations

import json
import os
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.refusals import place, refused, rows, write_data  # noqa: F401 - fixtures
from tts_bench.cli import main as root
from tts_bench.cli.configured import _from_here
from tts_bench.config import ModelConfig, RunConfig
from tts_bench.runs.checked import check
from tts_bench.runs.portable import portable
from tts_bench.runs.run import Run, prepare

FLAGS = (
    "--engine scripted --tasks gsm8k --data-dir data --strategy baseline:budgets=3+9 --strategy majority-vote:samples=3"
)
FLAGS += (
    " --seed 7 --temperature 0.5 --answer-sampling temperature=0 --max-answer-tokens 40 --in-flight 2 --out runs/mine"
)
TOML = """
engine = "scripted"
tasks = ["gsm8k"]
data_dir = "data"
strategies = ["baseline:budgets=3+9", "majority-vote:samples=3"]
seed = 7
temperature = 0.5
answer_sampling = "temperature=0"
max_answer_tokens = 40
in_flight = 2
out = "runs/mine"
"""
PYTHON = RunConfig(
    ModelConfig(engine="scripted", seed=7, temperature=0.5, answer_sampling="temperature=0", max_answer_tokens=40),
    ("gsm8k",),
    ("baseline:budgets=3+9", "majority-vote:samples=3"),
    data_dir=Path("data"),
    in_flight=2,
    out=Path("runs/mine"),
)


def shown(capsys: pytest.CaptureFixture[str], words: str) -> str:
    assert root._run(["config", "show", *shlex.split(words)]) == 0
    return capsys.readouterr().out


def run(words: str) -> dict[str, Any]:
    assert root._run(["run", *shlex.split(words)]) == 0
    return header()


def header(folder: str = "runs/mine") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(folder, "run.json").read_text())
    return found


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[RunConfig]:
    """Configurations that the command line has checked."""
    found: list[RunConfig] = []

    def checking(config: RunConfig) -> object:
        found.append(config)
        return check(config)

    monkeypatch.setattr("tts_bench.runs.checked.check", checking)
    return found


def test_flags_a_file_and_python_make_the_same_configuration(
    seen: list[RunConfig], capsys: pytest.CaptureFixture[str]
) -> None:
    write_data(rows())
    Path("run.toml").write_text(TOML)
    printed = shown(capsys, FLAGS)
    Path("printed.toml").write_text(printed)
    assert shown(capsys, "--config run.toml") == printed
    assert shown(capsys, "--config printed.toml") == printed
    assert seen == [PYTHON] * 3


def test_a_flag_goes_before_the_file_an_option_of_its_engine_too(
    seen: list[RunConfig], capsys: pytest.CaptureFixture[str]
) -> None:
    write_data(rows())
    Path("run.toml").write_text(
        'engine = "hf:rows=8,dtype=float32"\nseed = 1\ntasks = ["pocket_flat"]\nmodel = "pocket"\n'
    )
    shown(capsys, "--config run.toml --seed 2 --rows 9 --strategy baseline")
    assert seen[0].model == ModelConfig("pocket", "hf:dtype=float32,max_num_seqs=9", seed=2)
    assert seen[0].strategies == ("baseline",)
    shown(capsys, "--config run.toml --engine hf:rows=3")
    assert seen[1].model.engine == "hf:max_num_seqs=3"


def test_what_little_is_said_is_shown_with_what_is_run_where_nothing_is_said(
    capsys: pytest.CaptureFixture[str],
) -> None:
    printed = shown(capsys, "--seed 3")
    assert 'model = "pocket"\nengine = "hf"\ntasks = ["pocket_arithmetic"]\n' in printed
    assert "limit = 600\n" in printed


@pytest.mark.parametrize(
    ("given", "says"),
    {
        "--config run.toml": "run.toml, line 2: there is no key 'sed'. Did you mean 'seed'?",
        "--config gone.toml": "--config gone.toml cannot be read",
        "--resume runs/gone": "runs/gone has no run.json, so there is no run to resume.",
        "--resume others": "others has no run.json",
        "--resume runs/mine --config run.toml": "which --config contradicts. Remove one of them.",
        "--resume runs/mine --out runs/other": "which --out contradicts. Remove one of them.",
    }.items(),
)
def test_what_cannot_be_is_refused_and_nothing_is_written(refused: Callable[..., str], given: str, says: str) -> None:
    Path("run.toml").write_text('engine = "scripted"\nsed = 3\n')
    assert says in refused(*given.split())


def test_a_run_resumes_by_its_folder_alone_from_anywhere(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_data(rows())
    begun = run(FLAGS)
    records = Path("runs/mine/records.jsonl").read_bytes()
    Path("runs/mine/records.jsonl").unlink()
    Path("runs/mine/run.json").write_text(json.dumps({**begun, "status": "running"}))  # as an interrupted one
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    monkeypatch.setattr("sys.argv", ["tts-bench", "run", "--resume", "../runs/mine"])
    assert root._run(["run", "--resume", "../runs/mine"]) == 0
    monkeypatch.chdir(place)
    resumed = header()
    assert Path("runs/mine/records.jsonl").read_bytes() == records
    assert resumed["timing"]["tokens"]["made"] == 0
    assert {**resumed, "timing": begun["timing"]} == begun  # its command is still the one that began it


def test_paths_typed_beside_resume_are_those_of_the_folder_where_they_are_typed(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_data(rows())
    run(FLAGS)
    shutil.move("data", "elsewhere")
    shutil.move("runs/generations.sqlite", "elsewhere/mine.sqlite")
    monkeypatch.chdir("elsewhere")
    assert root._run(["run", "--resume", "../runs/mine", "--data-dir", ".", "--store", "mine.sqlite"]) == 0
    monkeypatch.chdir(place)
    resumed = header()
    assert resumed["timing"]["tokens"]["made"] == 0
    assert (resumed["config"]["data_dir"], resumed["config"]["store"]) == ("elsewhere", "elsewhere/mine.sqlite")


def test_a_task_and_a_model_typed_beside_resume_are_files_of_where_they_are_typed(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("mine.yaml", "model"):
        Path("others", name).touch()
    monkeypatch.chdir("others")
    typed = {"tasks": "mine.yaml,gsm8k", "model": "model", "tokenizer": "gone", "seed": 3, "store": Path("s.sqlite")}
    assert {name: _from_here(name, value) for name, value in typed.items()} == {
        **typed,
        "tasks": f"{place}/others/mine.yaml,gsm8k",
        "model": f"{place}/others/model",
        "store": place / "others" / "s.sqlite",
    }
    assert _from_here("model", "pocket") == "pocket"


def test_another_setting_is_refused_where_a_run_is_resumed(
    refused: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    write_data(rows())
    run(FLAGS)
    capsys.readouterr()
    assert "its seed is 7, this run's is 8" in refused("--resume", "runs/mine", "--seed", "8")


def test_a_run_of_an_earlier_version_is_refused_with_its_command(
    refused: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    write_data(rows())
    begun = run(FLAGS)
    old = {key: value for key, value in begun.items() if key not in ("config", "begun_in")}
    Path("runs/mine/run.json").write_text(json.dumps(old))
    capsys.readouterr()
    message = refused("--resume", "runs/mine")
    assert "an earlier version of tts-bench started the run. Repeat its command, with --out runs/mine: " in message
    run(FLAGS)  # and so it goes on


def test_a_folder_that_was_moved_away_from_where_its_run_was_begun_says_so(
    refused: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    write_data(rows())
    begun = run(FLAGS)
    Path("runs/mine/run.json").write_text(json.dumps({**begun, "begun_in": "../../../gone"}))
    capsys.readouterr()
    assert "its paths are relative to that folder, which is missing" in refused("--resume", "runs/mine")


def test_no_absolute_path_of_this_machine_stands_in_a_record(place: Path) -> None:
    write_data(rows())
    store, data = place / "store" / "g.sqlite", place / "data"
    store.parent.mkdir()
    run(f"{FLAGS} --data-dir {data} --store {store}")
    assert str(place) not in Path("runs/mine/run.json").read_text()
    assert header()["config"]["data_dir"] == "data"
    assert header()["begun_in"] == "../.."
    resumed = run("--resume runs/mine --in-flight 1")  # flags of speed may say otherwise
    assert (resumed["timing"]["tokens"]["made"], resumed["config"]["in_flight"]) == (0, 1)


def test_places_that_nothing_is_known_by_are_seen_from_the_working_folder_and_others_stay(place: Path) -> None:
    here = str(place)
    token = f"learned-token:extensions=2,token={here}/a\\, b"
    config = RunConfig(
        ModelConfig(f"{here}/models/mine", f"openai:base_url=http://h/v1,tokenizer={here}/t", store=place / "s.sqlite"),
        (f"{here}/task.yaml", "gsm8k"),
        (token, "budget-forcing:cue=/think", f"{here}/plugin.py:Whole:n=1"),
        out=place / "runs" / "x",
    )
    found = portable(config)
    assert (found["model"], found["store"], found["out"]) == ("models/mine", "s.sqlite", None)
    assert found["engine"] == "openai:base_url=http://h/v1,tokenizer=t"
    assert found["tasks"] == ["task.yaml", "gsm8k"]
    assert found["strategies"] == [
        "learned-token:extensions=2,token=a\\, b",
        "budget-forcing:cue=/think",
        f"{here}/plugin.py:Whole:n=1",  # the name that its records have
    ]


def test_python_runs_what_the_file_in_a_record_says(place: Path) -> None:
    write_data(rows())
    made: Run = prepare(PYTHON)
    assert made.folder.path == Path("runs/mine")
    assert made.header()["config"] == run(FLAGS)["config"]
    assert os.path.samefile(made.store, "runs/generations.sqlite")
