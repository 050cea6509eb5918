"""The command line's root: quick, light, and short with its errors."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, Literal

import pytest
import typer

from tts_bench import __version__
from tts_bench.cli import main as root
from tts_bench.errors import UserError

HEAVY = {"torch", "transformers", "lm_eval", "datasets", "numpy", "scipy", "matplotlib", "httpx2", "mpmath", "jinja2"}
PROGRAM = """
import sys
sys.argv[0] = "tts-bench"
from tts_bench.cli.main import main
try:
    main()
finally:
    print("LOADED", *sys.modules, file=sys.stderr)
"""
QUICK = [
    (["--help"], 0),
    (["strategies"], 0),
    (["--version"], 0),
    (["rnu"], 2),
    (["strategies", "--all"], 2),
    (["run", "--no-such-option"], 2),
    (["run", "--model", "smollm2", "--tasks", "gsm8k", "--strategy", "budget-forcing:extension=2"], 2),
    (["run", "--model", "smollm2", "--tasks", "gsm8k", "--strategy", "majority-vote:samples=0"], 2),
]


def tts_bench(*arguments: str, program: str = PROGRAM, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program, *arguments]
    done: subprocess.CompletedProcess[str] = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, **options
    )
    return done


def loaded_by(done: subprocess.CompletedProcess[str]) -> list[str]:
    """The modules that a finished command had loaded."""
    _, _, loaded = done.stderr.partition("LOADED")
    return loaded.split()


@pytest.mark.parametrize(("arguments", "code"), QUICK)
def test_help_strategies_and_a_bad_option_load_no_model_library(arguments: list[str], code: int) -> None:
    done = tts_bench(*arguments)
    said, loaded = done.stderr.partition("LOADED")[0], loaded_by(done)
    assert done.returncode == code, done.stderr
    assert loaded
    assert not {name.partition(".")[0] for name in loaded} & HEAVY
    assert "Traceback" not in done.stderr
    if code == 2:
        assert said.startswith("error: ")
        assert said.count("\n") == 1


@pytest.fixture(scope="module")
def modules_of_typer() -> int:
    """How many modules any program of this kind loads that runs a command."""
    count = "import asyncio, importlib.metadata, json, sys, typer\napp = typer.Typer()\napp.command()(lambda: None)\n"
    count += "app(['--help'], standalone_mode=False)\nprint(len(sys.modules), file=sys.stderr)"
    return int(subprocess.run([sys.executable, "-c", count], capture_output=True, check=True).stderr)


@pytest.mark.parametrize("arguments", [arguments for arguments, _ in QUICK])
def test_what_needs_no_model_loads_few_modules_beside_typers(arguments: list[str], modules_of_typer: int) -> None:
    # Modules are counted because seconds vary; benchmarks/startup.py has the seconds.
    loaded = [name for name in loaded_by(tts_bench(*arguments)) if not name.startswith("tts_bench.strategies.")]
    assert len(loaded) < 1.1 * modules_of_typer  # strategies are listed by their own words: a small module each


def test_help_names_every_verb() -> None:
    done = tts_bench("--help")
    for verb in ("run", "strategies", "tasks", "models", "doctor", "lm-eval"):
        assert f" {verb} " in done.stdout


def test_no_arguments_show_the_help() -> None:
    done = tts_bench()
    assert (done.returncode, "Usage: tts-bench" in done.stdout) == (0, True)


def test_the_version_is_printed() -> None:
    assert tts_bench("--version").stdout == f"tts-bench {__version__}\n"


def test_an_unknown_command_offers_the_nearest() -> None:
    assert "there is no command 'startegies'. Did you mean 'strategies'?" in tts_bench("startegies").stderr


def test_strategies_stand_under_their_groups_and_one_shows_its_options_and_origin() -> None:
    lines = tts_bench("strategies").stdout.splitlines()
    for group in ("controls", "lengthen", "in no group"):
        assert group in [line.strip() for line in lines]
    assert any(line.startswith("  majority-vote ") for line in lines)
    done = tts_bench("strategies", "budget-forcing")
    for word in ("extensions", "a whole number", "number of extensions", "cue", "Wait", "from test-time-scaling-bench"):
        assert word in done.stdout


def test_a_file_of_ones_own_is_shown_as_it_is_without_markup(tmp_path: Path) -> None:
    (tmp_path / "odd.py").write_text(
        "from dataclasses import dataclass\n@dataclass(frozen=True)\nclass Odd:\n"
        "    '''[red]Bold[/red] \\x1b[31mclaims'''\n    cue: str = '[bold]'\n"
        "    def solve(self, problem, reasoner): ...\n"
    )
    done = tts_bench("strategies", "./odd.py:Odd", cwd=tmp_path)
    assert "[red]Bold[/red] \\x1b[31mclaims" in done.stdout
    assert "[bold]" in done.stdout


def test_a_broken_plugin_hides_no_other_strategy(tmp_path: Path) -> None:
    info = tmp_path / "broken-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[tts_bench.strategies]\nbroken = not_there:Gone\n")
    done = tts_bench("strategies", env={**os.environ, "PYTHONPATH": str(tmp_path), "COLUMNS": "200"})
    assert done.returncode == 0, done.stderr
    assert "fails at import" in done.stdout
    assert "majority-vote" in done.stdout


@pytest.fixture
def verb(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[..., None], str], None]:
    """Put a function in the place of a verb."""

    def put(function: Callable[..., None], name: str = "run") -> None:
        module = ModuleType("verb_in_a_test")
        vars(module)["function"] = function
        monkeypatch.setitem(sys.modules, "verb_in_a_test", module)
        monkeypatch.setitem(root.VERBS, name, ("verb_in_a_test:function", "A verb."))

    return put


def raising(error: BaseException) -> Callable[[], None]:
    def function() -> None:
        raise error

    return function


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (UserError("no [red]tea[/red]\x1b[31m\r."), 2, "error: no [red]tea[/red]\\x1b[31m\\r.\n"),
        (UserError("a lone \udcff"), 2, "error: a lone \\udcff\n"),
        (UserError("two\nlines"), 2, "error: two\nlines\n"),
        (KeyboardInterrupt(), 130, "\nInterrupted; repeat the command to resume.\n"),
        (typer.Exit(1), 1, ""),
        (
            OSError(errno.ENOSPC, "No space left on device", "runs/a"),
            2,
            "error: no space left on the disk for runs/a. Free some; repeat the command to resume.\n",
        ),
    ],
)
def test_an_error_of_a_verb_is_a_message_and_an_exit_code(
    verb: Callable[..., None], capsys: pytest.CaptureFixture[str], error: BaseException, code: int, said: str
) -> None:
    verb(raising(error))
    assert root._run(["run"]) == code
    assert capsys.readouterr().err == said


def test_an_error_of_ours_keeps_its_traceback(verb: Callable[..., None]) -> None:
    verb(raising(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        root._run(["run"])


def test_a_wrong_value_is_a_usage_message(verb: Callable[..., None], capsys: pytest.CaptureFixture[str]) -> None:
    def function(
        limit: Annotated[int, typer.Option(min=1)] = 1,
        keep: Annotated[Literal["all", "none"], typer.Option()] = "all",
    ) -> None: ...

    verb(function)
    assert root._run(["run", "--limit", "0"]) == 2
    assert root._run(["run", "--limit", "x\x1b[2J"]) == 2
    assert root._run(["run", "--keep", "some"]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 3
    assert said[0].startswith("error: --limit is '0'; it has to be greater than or equal to 1")
    assert said[1].startswith("error: --limit is 'x\\x1b[2J'; it has to be a valid integer")
    assert said[2].startswith("error: --keep: 'some' is not one of 'all', 'none'.")
    for line in said:
        assert line.endswith(". Type tts-bench run --help.") or "has to be" in line
        assert "\x1b" not in line


@pytest.mark.parametrize("arguments", [[], ["--help"], ["run", "--tasks", "gsm8k", "--", "-x", "--help"]])
def test_lm_eval_gets_its_arguments_untouched(verb: Callable[..., None], arguments: list[str]) -> None:
    seen: list[list[str]] = []
    verb(seen.append, "lm-eval")
    assert root._run(["lm-eval", *arguments]) == 0
    assert seen == [arguments]


def test_a_verb_with_sub_commands_is_mounted_as_it_is(
    verb: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    app = typer.Typer(no_args_is_help=True)

    @app.command()
    def get(name: str) -> None:
        print("got", name)

    @app.command()
    def drop(name: str) -> None: ...

    verb(app, "models")
    assert root._run(["models", "get", "smollm2"]) == 0
    assert root._run(["models"]) == 2
    output = capsys.readouterr()
    assert "got smollm2" in output.out
    assert "Usage: tts-bench models" in output.out
    assert "completion" not in output.out
    assert output.err == ""


def test_torch_settings_stand_before_a_verb_that_loads_a_model(
    verb: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MKL_CBWR", raising=False)
    seen: list[str | None] = []
    verb(lambda: seen.append(os.environ.get("MKL_CBWR")))
    assert root._run(["run"]) == 0
    assert seen == ["AVX2"]


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as closed:
        command = [sys.executable, "-c", "from tts_bench.cli.main import main; main()", "strategies"]
        done = subprocess.run(command, stdout=closed, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "")
