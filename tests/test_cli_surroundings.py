"""What surrounds a command line: variables of the environment, completion by the shell, quiet runs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.analysis.made_up import made_up
from tests.analysis.run_folders import write_run
from tests.runs.samples import write_sums
from tests.test_cli_json import commands
from tests.test_cli_main import HEAVY, loaded_by, tts_bench
from tts_bench.cli import main as root


def test_every_option_has_a_variable_of_its_own() -> None:
    found: dict[str, tuple[str, str]] = {}
    for name, command in commands():
        for param in command.params:
            if param.param_type_name == "option" and not param.is_eager:
                assert isinstance(param.envvar, str)
                assert found.setdefault(param.envvar, (name, param.name)) == (name, param.name) or (
                    param.envvar == "TTS_BENCH_DATA"  # it had one before
                )
    assert found["TTS_BENCH_RUN_STRATEGY"] == ("run", "strategies")  # as the option is typed
    assert found["TTS_BENCH_CONFIG_SHOW_SEED"] == ("config show", "seed")


def test_a_variable_is_an_option_that_is_not_typed_and_goes_before_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run.toml").write_text("seed = 1\nlimit = 5\ntimeout = 7.0\n")
    monkeypatch.setenv("TTS_BENCH_CONFIG_SHOW_SEED", "2")
    monkeypatch.setenv("TTS_BENCH_CONFIG_SHOW_LIMIT", "6")
    monkeypatch.setenv("TTS_BENCH_CONFIG_SHOW_EXACT", "0")
    monkeypatch.setenv("TTS_BENCH_CONFIG_SHOW_STRATEGY", "baseline majority-vote:samples=3")
    assert (
        root._run(["config", "show", "--config", str(tmp_path / "run.toml"), "--tasks", "pocket_flat", "--seed", "3"])
        == 0
    )
    said = capsys.readouterr().out.splitlines()
    for line in ("seed = 3", "limit = 6", "timeout = 7.0", 'engine = "hf:exact=false"'):
        assert line in said
    assert 'strategies = ["baseline", "majority-vote:samples=3"]' in said
    monkeypatch.setenv("TTS_BENCH_RUN_LIMIT", "x")
    assert root._run(["run"]) == 2
    assert "--limit is 'x'; it has to be a valid integer" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("typed", "offered"),
    [("tts-bench pl", {"plan", "plot"}), ("tts-bench plan --pil", {"--pilot"}), ("tts-bench tasks ch", {"check"})],
)
def test_a_shell_is_told_what_may_be_typed_next_without_a_model_library(typed: str, offered: set[str]) -> None:
    asked = {"COMP_WORDS": typed, "COMP_CWORD": str(len(typed.split()) - 1), "_TTS_BENCH_COMPLETE": "complete_bash"}
    done = tts_bench(env={**os.environ, **asked})
    assert set(done.stdout.split()) == offered
    assert not {name.partition(".")[0] for name in loaded_by(done)} & HEAVY


@pytest.fixture
def typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Arguments of verbs in a folder where all they need is at hand."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TTS_BENCH_DATA", str(write_sums(tmp_path / "data", 4)))
    scripted = ["--engine", "scripted", "--tasks", "gsm8k", "--strategy", "baseline"]
    assert root._run(["run", *scripted, "--strategy", "majority-vote:samples=2", "--out", "runs/x", "-q"]) == 0
    says = {"doc_id": 0, "response": "<think>\n1 and 4 are 5.\n</think>\n\n\\boxed{5}", "tokens": 9}
    Path("outputs.jsonl").write_text(json.dumps(says) + "\n")
    Path("study.toml").write_text(
        'out = "runs/study"\nstrategies = ["baseline"]\nengine = "scripted"\ntasks = ["gsm8k"]\n[models.adder]\n'
    )
    return {
        "run": [*scripted, "--out", "runs/y"],
        "import": ["outputs.jsonl", "--task", "gsm8k", "--model", "m", "--by", "id", "--out", "runs/i"],
        "study new": ["new.toml"],
        "study run": ["study.toml"],
        "study report": ["study.toml"],
        "plot": ["runs/x", "--out", "figure.svg"],
        "report": ["runs/x", "--out", "report.html"],
        "export": ["runs/x", "--to", "csv", "--out", "answers.csv"],
        "leaderboard add": ["runs/x", "--folder", "board"],
        "leaderboard build": ["--folder", "board"],
        "strategies new": ["my-idea"],
        "tasks new": ["my-task"],
        "models get": ["pocket"],
    }


def test_a_quiet_verb_prints_nothing_and_writes_all(
    typed: dict[str, list[str]], capfd: pytest.CaptureFixture[str]
) -> None:
    capfd.readouterr()
    for verb, arguments in typed.items():
        assert (verb, root._run([*verb.split(), *arguments, "-q"])) == (verb, 0)
        assert (verb, *capfd.readouterr()) == (verb, "", "")
    for written in (
        *("runs/y/curve.png", "runs/i/pool.sqlite", "new.toml", "runs/study/table.csv", "figure.svg", "report.html"),
        *("answers.csv", "board/README.md", "my-idea", "my-task"),
    ):
        assert Path(written).exists(), written


def test_a_quiet_verb_tells_of_errors(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for verb in ("plot", "report", "export --to csv", "study report", "leaderboard add", "push", "track --to mlflow"):
        assert root._run([*verb.split(), str(tmp_path / "missing"), "--quiet"]) == 2
        out, err = capfd.readouterr()
        assert (verb, out, err[:6]) == (verb, "", "error:")


def test_what_goes_to_standard_output_is_not_thrown_away(
    typed: dict[str, list[str]], capfd: pytest.CaptureFixture[str]
) -> None:
    for words in (["export", "runs/x"], ["export", "--codebook"], ["push", "runs/x", "--to", "a/b", "--dry-run"]):
        assert root._run([*words, "-q"]) == 2
        assert "emove --quiet" in capfd.readouterr().err


def test_the_codebook_goes_where_out_says_it_should(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert root._run(["export", "--codebook"]) == 0
    printed, out = capfd.readouterr().out, str(tmp_path / "columns.txt")
    for words, says in ((["--out", out], f"Written to {out}\n"), (["--out", out, "-q"], "")):
        assert root._run(["export", "--codebook", *words]) == 0
        assert capfd.readouterr().out == says
        assert Path(out).read_text() == printed
        Path(out).unlink()


def test_verbs_that_take_no_quiet_are_those_whose_result_is_what_they_print() -> None:
    loud = {name for name, command in commands() if not any("--quiet" in param.opts for param in command.params)}
    tables = {"strategies", "engines", "scorers", "tasks", "models", "compare", "watch", "curves", "doctor"}
    groups = {"study", "config", "leaderboard", "token"}  # print their help
    assert loud - tables - groups == {
        *("study status", "config show", "leaderboard check", "token show"),
        *(f"{kind} {verb}" for kind in ("strategies", "engines", "scorers") for verb in ("show", "check")),
        *("tasks check", "models show"),
    }


def test_a_verbose_run_tells_of_each_problem_and_strategy(
    typed: dict[str, list[str]], capfd: pytest.CaptureFixture[str]
) -> None:
    capfd.readouterr()
    assert root._run(["run", *typed["run"], "-v"]) == 0
    lines = [line for line in capfd.readouterr().err.splitlines() if line.startswith("gsm8k/")]
    assert len(lines) == 4
    assert all(re.fullmatch(r"gsm8k/\d  baseline full  (right|wrong)  \d+ tokens  \d+", line) for line in lines)
    assert root._run(["run", *typed["run"], "-v", "-q"]) == 2
    assert root._run(["run", *typed["run"], "-v", "--seeds", "0,1"]) == 2
    assert root._run(["run", *typed["run"], "-v", "--dry-run"]) == 2


def test_what_goes_into_a_pipe_is_not_wrapped_and_columns_sets_a_width(tmp_path: Path) -> None:
    run = str(write_run(tmp_path / "run", made_up(n=9)))
    command = [sys.executable, "-m", "tts_bench", "compare", run, "--resamples", "1000"]
    widths = []
    for more in ({}, {"COLUMNS": "70"}):
        environment = {key: value for key, value in os.environ.items() if key != "COLUMNS"} | more
        said = subprocess.run(command, capture_output=True, text=True, env=environment, check=True).stdout
        widths.append(max(map(len, said.splitlines())))
    assert widths[0] > 300
    assert widths[1] <= 70
