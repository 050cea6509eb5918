"""What README and documentation promise, after `pip install` of the wheel: no extra, an empty home, nothing of ours."""

from __future__ import annotations

import json
import os
import re
import shlex
from pathlib import Path

import pytest

from tests.commands import commands
from tests.installation import ROOT, User, install
from tests.pages import blocks

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("installed")]
RUN = ["tts-bench", "run"]
SHORT = ["--limit", "1", "--max-thinking-tokens", "16", "--max-answer-tokens", "8"]


@pytest.fixture(scope="module")
def user(built: Path, tmp_path_factory: pytest.TempPathFactory) -> User:
    [wheel] = built.glob("*.whl")
    return install(wheel, tmp_path_factory.mktemp("user"), newest="TTS_BENCH_TEST_NEWEST" in os.environ)


@pytest.fixture(scope="module")
def advised(user: User) -> str:
    """What the doctor says to somebody who has just installed."""
    return user.types("tts-bench", "doctor")


@pytest.fixture(scope="module")
def smollm2(user: User, advised: str) -> str:
    """What fetching a model said, by the command that the doctor gave."""
    [line] = (line for line in advised.splitlines() if "models get smollm2" in line)
    return user.types(*shlex.split(line.partition("type: ")[2]))


@pytest.fixture(scope="module")
def runs(user: User, smollm2: str) -> tuple[str, str]:
    """Folders of a run of the model that comes with the package, and of one of a real model."""
    user.types(*RUN, "--limit", "20", "--out", "runs/pocket")
    arms = ["--strategy=baseline", "--strategy=budget-forcing:extensions=1"]
    command = ["tts-bench", "run", "--model", "smollm2", "--tasks", "gsm8k", "--out", "runs/smollm2", *SHORT, *arms]
    assert "gsm8k" in user.types(*command)
    return "runs/pocket", "runs/smollm2"


def test_the_readme_and_the_site_begin_with_what_is_typed_here() -> None:
    for page in ("README.md", "docs/index.md"):
        first = min(blocks((ROOT / page).read_text(), page), key=lambda block: block.line)
        assert [*commands(first.body)] == [["pip", "install", "."], RUN]


def test_there_is_what_was_declared_and_nothing_of_the_development_environment(user: User) -> None:
    names = ("strategies", "tasks", "tests", "pytest", "hypothesis", "mypy", "ray", "vllm", "playwright")
    said = user.python("import sys, importlib.util as u; print([n for n in sys.argv[1:] if u.find_spec(n)])", *names)
    assert said == "[]\n"
    assert str(user.folder.parent / "venv") in user.python("import tts_bench.tasks; print(tts_bench.tasks.__file__)")


def test_every_module_can_be_imported(user: User) -> None:
    """But for those of engines that an extra brings."""
    program = """
import importlib, pkgutil, tts_bench
for found in pkgutil.walk_packages(tts_bench.__path__, "tts_bench."):
    if not found.name.startswith("tts_bench.engines.vllm.") and not found.name.endswith("__main__"):
        importlib.import_module(found.name)
print("all")
"""
    assert user.python(program) == "all\n"


def test_the_doctor_finds_nothing_missing_and_what_it_says_to_type_works(
    user: User, advised: str, smollm2: str
) -> None:
    assert "MISSING" not in advised
    assert "is ready in" in smollm2
    assert str(user.folder.parent / "home") in smollm2
    assert re.search(r"^ok +model smollm2 +here$", user.types("tts-bench", "doctor"), re.M)


def test_lists_of_what_there_is_hold_what_comes_with_the_package(user: User) -> None:
    for verb, name in {
        "strategies": "learned-token",
        "tasks": "gsm8k",
        "models": "pocket",
        "engines": "openai",
    }.items():
        assert name in user.types("tts-bench", verb)


def test_a_run_of_a_real_model_leaves_records_without_errors(user: User, runs: tuple[str, str]) -> None:
    header = json.loads((user.folder / runs[1] / "run.json").read_text())
    assert (header["status"], header["errors"]) == ("finished", 0)
    assert {"curve.png", "curve.svg", "records.jsonl"} <= {path.name for path in (user.folder / runs[1]).iterdir()}


def test_runs_are_compared_drawn_reported_and_put_on_a_leaderboard(user: User, runs: tuple[str, str]) -> None:
    assert "points" in user.types("tts-bench", "compare", runs[0])
    user.types("tts-bench", "plot", runs[0], "--out", "figure.pdf")
    user.types("tts-bench", "report", *runs, "--out", "report.html")
    assert (user.folder / "report.html").read_text("utf-8").lower().startswith("<!doctype html>")
    assert (user.folder / "figure.pdf").read_bytes().startswith(b"%PDF")
    for run in runs:
        user.types("tts-bench", "leaderboard", "add", run, "--folder", "board")
    user.types("tts-bench", "leaderboard", "build", "--folder", "board")
    user.types("tts-bench", "leaderboard", "check", *runs, "--folder", "board")


def test_lm_eval_runs_a_strategy_with_its_own_command_line(user: User) -> None:
    options = "strategy=budget-forcing,extensions=2,pretrained=pocket"
    command = ["tts-bench", "lm-eval", "run", "--model", "tts-bench", "--model_args", options]
    assert "strict" in user.types(*command, "--tasks", "pocket_arithmetic", "--limit", "4")


def test_a_token_is_trained_and_shown(user: User) -> None:
    small = ["--steps", "1", "--problems-per-step", "2", "--group", "4", "--hold-out", "2"]
    short = ["--test-problems", "2", "--test-continuations", "1", "--votes", "2"]
    user.types("tts-bench", "train-token", "--out", "tokens/mine", *small, *short)
    assert "pocket" in user.types("tts-bench", "token", "show", "tokens/mine")


def typed(readme: Path) -> list[list[str]]:
    """The commands of a README that a scaffold wrote, without comments."""
    lines = (line for line in readme.read_text().splitlines() if line.startswith("    "))
    return [shlex.split(line, comments=True) for line in lines]


@pytest.mark.parametrize(("verb", "name", "passed"), [("strategies", "my-idea", 12), ("tasks", "my-task", 1)])
def test_a_scaffold_works_as_its_readme_says_its_own_tests_included(
    user: User, smollm2: str, verb: str, name: str, passed: int
) -> None:
    user.types("tts-bench", verb, "new", name)
    assert len(list((user.folder / name).iterdir())) < 10
    commands = typed(user.folder / name / "README.md")
    assert [command[0] for command in commands] == ["tts-bench", "pip", "pytest", "tts-bench"]
    for command in commands:
        short = SHORT if command[:2] == ["tts-bench", "run"] else []
        said = user.types(*command, *short, cwd=name)
        if command == ["pytest"]:
            assert f"{passed} passed" in said


def test_a_notebook_where_a_loop_is_running_imports_it_and_evaluates(user: User) -> None:
    program = """
import asyncio

async def cell():
    import lm_eval
    from lm_eval.tasks import TaskManager
    from tts_bench.lm_eval.lm import TTSBenchLM
    from tts_bench.tasks import FOLDER
    from tts_bench.strategies.baseline import Baseline
    from tts_bench.testing import CLAIMS, conform
    conform(Baseline(), CLAIMS[0])
    tasks = TaskManager(include_path=FOLDER, include_defaults=False)
    model = TTSBenchLM(strategy="baseline", engine="scripted")
    return lm_eval.simple_evaluate(model=model, tasks=["gsm8k"], task_manager=tasks, limit=2, bootstrap_iters=0)

if __name__ == "__main__":
    print(sorted(asyncio.run(cell())["results"]))
"""
    assert user.python(program).splitlines()[-1] == "['gsm8k']"
