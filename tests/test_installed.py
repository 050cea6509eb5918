"""What README and documentation promise, after `pip install` of the wheel: no extra, an empty home, nothing of ours."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests import warm
from tests.commands import commands
from tests.installation import ROOT, User, install
from tests.pages import blocks

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("installed")]
RUN = ["tts-bench", "run"]
EVERYTHING = """
import sys
from tts_bench.engines.environment import prepare
prepare()  # before torch, as the command does
import importlib, pkgutil, tts_bench
for found in pkgutil.walk_packages(tts_bench.__path__, "tts_bench."):
    if not found.name.startswith("tts_bench.engines.vllm.") and not found.name.endswith("__main__"):
        importlib.import_module(found.name)
print("all", flush=True)
import gc
gc.freeze()  # as in tests/libraries.py
sys.path.append(sys.argv[1])
from standby import stand_by
from warm import serve
serve(sys.argv[2], stand_by)
"""
SHORT = ["--limit", "1", "--max-thinking-tokens", "16", "--max-answer-tokens", "8"]


@pytest.fixture(scope="module")
def user(built: Path, tmp_path_factory: pytest.TempPathFactory) -> User:
    [wheel] = built.glob("*.whl")
    return install(wheel, tmp_path_factory.mktemp("user"), newest="TTS_BENCH_TEST_NEWEST" in os.environ)


@pytest.fixture(scope="module")
def everything(user: User) -> Iterator[tuple[str, Path]]:
    """What a process of that environment says after it has imported every module, and where it then answers."""
    said: list[str] = []

    def start(address: Path) -> subprocess.Popen[str]:
        command = ["python", "-c", EVERYTHING, str(Path(warm.__file__).parent), str(address)]
        process = subprocess.Popen(command, cwd=user.folder, env=user.environment, stdout=subprocess.PIPE, text=True)
        assert process.stdout
        said.append(process.stdout.readline())
        return process

    with warm.started(start) as address:
        yield said[0], address


@pytest.fixture(scope="module")
def quick(user: User, everything: tuple[str, Path]) -> User:
    """The same user, whose `tts-bench` is forked from that process: for what a fresh start does not show anew."""
    folder = user.folder.parent / "warm"
    folder.mkdir()
    warm.put(folder / "tts-bench", user.folder.parent / "venv" / "bin" / "python", everything[1])
    return replace(user, environment={**user.environment, "PATH": f"{folder}{os.pathsep}{user.environment['PATH']}"})


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
def runs(user: User, quick: User, smollm2: str) -> tuple[str, str]:
    """Folders of a run of the model that comes with the package, and of one of a real model."""
    user.types(*RUN, "--limit", "20", "--out", "runs/pocket")
    arms = ["--strategy=baseline", "--strategy=budget-forcing:extensions=1"]
    command = ["tts-bench", "run", "--model", "smollm2", "--tasks", "gsm8k", "--out", "runs/smollm2", *SHORT, *arms]
    assert "gsm8k" in quick.types(*command)
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


def test_every_module_can_be_imported(everything: tuple[str, Path]) -> None:
    """But for those of engines that an extra brings."""
    assert everything[0] == "all\n"


def test_the_doctor_finds_nothing_missing_and_what_it_says_to_type_works(
    user: User, quick: User, advised: str, smollm2: str
) -> None:
    assert "MISSING" not in advised
    assert "is ready in" in smollm2
    assert str(user.folder.parent / "home") in smollm2
    assert re.search(r"^ok +model smollm2 +here$", quick.types("tts-bench", "doctor"), re.M)


def test_lists_of_what_there_is_hold_what_comes_with_the_package(quick: User) -> None:
    for verb, name in {
        "strategies": "learned-token",
        "tasks": "gsm8k",
        "models": "pocket",
        "engines": "openai",
    }.items():
        assert name in quick.types("tts-bench", verb)


def test_a_run_of_a_real_model_leaves_records_without_errors(user: User, runs: tuple[str, str]) -> None:
    header = json.loads((user.folder / runs[1] / "run.json").read_text())
    assert (header["status"], header["errors"]) == ("finished", 0)
    assert {"curve.png", "curve.svg", "records.jsonl"} <= {path.name for path in (user.folder / runs[1]).iterdir()}


def test_runs_are_compared_drawn_reported_and_put_on_a_leaderboard(quick: User, runs: tuple[str, str]) -> None:
    assert "points" in quick.types("tts-bench", "compare", runs[0])
    quick.types("tts-bench", "plot", runs[0], "--out", "figure.pdf")
    quick.types("tts-bench", "report", *runs, "--out", "report.html")
    assert (quick.folder / "report.html").read_text("utf-8").lower().startswith("<!doctype html>")
    assert (quick.folder / "figure.pdf").read_bytes().startswith(b"%PDF")
    for run in runs:
        quick.types("tts-bench", "leaderboard", "add", run, "--folder", "board")
    quick.types("tts-bench", "leaderboard", "build", "--folder", "board")
    quick.types("tts-bench", "leaderboard", "check", *runs, "--folder", "board")


def test_lm_eval_runs_a_strategy_with_its_own_command_line(quick: User) -> None:
    options = "strategy=budget-forcing,extensions=2,pretrained=pocket"
    command = ["tts-bench", "lm-eval", "run", "--model", "tts-bench", "--model_args", options]
    assert "strict" in quick.types(*command, "--tasks", "pocket_arithmetic", "--limit", "4")


def test_a_token_is_trained_and_shown(quick: User) -> None:
    small = ["--steps", "1", "--problems-per-step", "2", "--group", "4", "--hold-out", "2"]
    short = ["--test-problems", "2", "--test-continuations", "1", "--votes", "2"]
    quick.types("tts-bench", "train-token", "--out", "tokens/mine", *small, *short)
    assert "pocket" in quick.types("tts-bench", "token", "show", "tokens/mine")


def typed(readme: Path) -> list[list[str]]:
    """The commands of a README that a scaffold wrote, without comments."""
    lines = (line for line in readme.read_text().splitlines() if line.startswith("    "))
    return [shlex.split(line, comments=True) for line in lines]


@pytest.mark.parametrize(("verb", "name", "passed"), [("strategies", "my-idea", 13), ("tasks", "my-task", 1)])
def test_a_scaffold_works_as_its_readme_says_its_own_tests_included(
    quick: User, smollm2: str, verb: str, name: str, passed: int
) -> None:
    quick.types("tts-bench", verb, "new", name)
    assert len(list((quick.folder / name).iterdir())) < 10
    commands = typed(quick.folder / name / "README.md")
    assert [command[0] for command in commands] == ["tts-bench", "pip", "pytest", "tts-bench"]
    for command in commands:
        short = [*SHORT, "--no-exact"] if command[:2] == ["tts-bench", "run"] else []
        said = quick.types(*command, *short, cwd=name)
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
