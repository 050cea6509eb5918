"""What `new` writes works as it is, and a name that cannot be is refused."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tts_bench.cli import main as root
from tts_bench.runs.defaults import plan
from tts_bench.testing import Broken, conform_task

WORDS = r"not a valid name. Type lower-case words joined by hyphens"


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
def test_a_new_strategys_own_test_survives_other_options(place: Path) -> None:
    """As it is written it is tried where a plain install is (tests/test_installed.py)."""
    assert root._run(["strategies", "new", "my-idea"]) == 0
    file = place / "my-idea" / "my_idea.py"
    file.write_text(re.sub(r"\bsteps\b", "rounds", file.read_text()).replace("rounds: int = 3", "rounds: int = 2"))
    done = subprocess.run([sys.executable, "-m", "pytest", "-q"], cwd="my-idea", capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert "13 passed" in done.stdout


def test_what_new_writes_is_clean_by_our_own_rules(place: Path) -> None:
    for verb in ("strategies", "tasks"):
        assert root._run([verb, "new", f"my-{verb}"]) == 0
    config = Path(__file__).parents[1] / "pyproject.toml"
    ruff = Path(sys.executable).with_name("ruff")
    theirs = "lint.isort.known-first-party = []"  # tts_bench is a package like any other there
    for check in (["check", "--config", theirs], ["format", "--check"]):
        done = subprocess.run([ruff, *check, "--config", config, "."], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("verb", "name", "said"),
    [
        ("strategies", "My Idea", WORDS),
        ("strategies", "../idea", WORDS),
        ("strategies", "-", WORDS),
        ("strategies", "baseline", "the name 'baseline' is taken"),
        ("strategies", "json", "would make a Python module json, which exists"),
        ("strategies", "class", "would make a Python module class"),
        ("strategies", "mine", "mine is already there"),
        ("tasks", "My Task", WORDS),
        ("tasks", "gsm8k", "the name 'gsm8k' is taken"),
        ("tasks", "mine", "mine is already there"),
    ],
)
def test_a_name_that_cannot_be_is_refused_and_nothing_is_written(
    verb: str, name: str, said: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "mine").mkdir()
    assert root._run([verb, "new", name]) == 2
    assert said in capsys.readouterr().err
    assert [path.name for path in place.rglob("*")] == ["mine"]


def test_a_folder_that_cannot_be_written_is_a_message(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.rename", refuse)
    assert root._run(["strategies", "new", "my-idea"]) == 2
    assert "the folder my-idea cannot be made here: Permission denied" in capsys.readouterr().err
    assert not list(place.iterdir())


def test_what_a_new_readme_says_to_run_is_a_run(place: Path) -> None:
    """The pocket model reads nothing but its own tasks: a task of one's own needs another one named."""
    for verb, name in (("strategies", "my-idea"), ("tasks", "my-task")):
        assert root._run([verb, "new", name]) == 0
        [command] = re.findall("^    tts-bench run (.*)$", Path(name, "README.md").read_text(), re.MULTILINE)
        said = dict(re.findall(r"--(\S+) (\S+)", command))
        plan("hf", said.get("model"), tuple(said.get("tasks", "").split()), [said["strategy"]], None)


@pytest.mark.slow
def test_a_new_task_is_scored_rightly_and_runs(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert root._run(["tasks", "new", "my-task"]) == 0
    assert len(list(Path("my-task").iterdir())) < 10
    assert root._run(["tasks", "check", "./my-task/my_task.yaml"]) == 0
    shown = capsys.readouterr().out
    assert "my_task: 3 of 3 gold solutions right" in shown
    assert "\n\n" not in shown  # where nobody watches, progress leaves no empty line
    command = ["run", "--engine", "scripted", "--tasks", "./my-task/my_task.yaml", "--strategy", "baseline"]
    assert root._run(command) == 0
    (run,) = (path for path in Path("runs").iterdir() if path.is_dir())
    header = json.loads((run / "run.json").read_text())
    assert run.name.startswith("adder-my_task-")
    assert header["identity"]["tasks"] == ["my_task"]
    assert header["data"]["my_task"]["documents"] == 3
    assert len((run / "records.jsonl").read_text().splitlines()) >= 3


GOOD = '{"question": "1 + 1?", "answer": "#### 2"}\n'
NOT_JSON = "it is not JSON\n"


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("", "problems.jsonl is empty; expected one JSON object a line"),
        (NOT_JSON, "problems.jsonl, line 1 is not JSON"),
        (GOOD + NOT_JSON, "problems.jsonl, line 2 is not JSON"),
        (GOOD + GOOD, "problems.jsonl, line 2: its 'question' is that of line 1"),
        ('{"question": "1 + 1?", "answer": ""}\n', "line 1: the gold answer in column 'answer' is empty"),
        ('{"answer": "2"}\n', "line 1 has no column 'question'"),
        ('{"problem": "1 + 1?"}\n', "line 1 has no column 'answer'"),
    ],
)
def test_rows_that_do_not_fit_are_refused_with_file_and_line(
    rows: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert root._run(["tasks", "new", "my-task"]) == 0
    Path("my-task/problems.jsonl").write_text(rows)
    assert root._run(["tasks", "check", "./my-task/my_task.yaml"]) == 2
    assert said in capsys.readouterr().err


def test_problems_with_formulas_are_scored_as_formulas(capsys: pytest.CaptureFixture[str]) -> None:
    assert root._run(["tasks", "new", "my-task"]) == 0
    rows = [{"problem": "Half of x?", "answer": r"\frac{x}{2}"}, {"problem": "Twice x?", "answer": "2x"}]
    Path("my-task/problems.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert root._run(["tasks", "check", "./my-task/my_task.yaml"]) == 0
    assert "2 of 2 gold solutions right" in capsys.readouterr().out


def test_a_file_that_is_no_task_or_is_scored_elsewhere_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert root._run(["tasks", "new", "my-task"]) == 0
    Path("my-task/my_task.yaml").rename("my-task/gsm8k.yaml")
    for name, said in {
        "./gone.yaml": "There is no file './gone.yaml'",
        "./my-task/gsm8k.yaml": "is called as a task of this package",
    }.items():
        assert root._run(["tasks", "check", name]) == 2
        assert said in capsys.readouterr().err
    Path("my-task/gsm8k.yaml").rename("my-task/other.yaml")
    assert root._run(["tasks", "check", "./my-task/other.yaml"]) == 2
    assert "holds no task 'other'. Write 'task: other' in it" in capsys.readouterr().err


def test_a_scorer_that_takes_wrong_for_right_is_found_out() -> None:
    assert root._run(["tasks", "new", "my-task"]) == 0
    file = Path("my-task/my_task.yaml")
    Path("my-task/lax.py").write_text("def score(row, results):\n    return {'strict': 1.0, 'lenient': 1.0}\n")
    file.write_text(file.read_text().replace("tts_bench.tasks.hooks.score", "lax.score"))
    with pytest.raises(Broken, match=r"my_task.yaml scores \d+ responses wrongly\nrow 0, no text, strict: ''"):
        conform_task(file)
