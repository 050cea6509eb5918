"""Engines by name: built-in and installed ones, what they take, and what is said where one is broken."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.refusals import place, refused, rows, write_data
from tts_bench.cli import main as root
from tts_bench.engines.scripted import ScriptedEngine
from tts_bench.harness import engines
from tts_bench.harness.config import ENGINE_OPTIONS, ModelConfig
from tts_bench.harness.engines import ENGINES, EngineKind, listed
from tts_bench.testing import ENGINE_CLAIMS

__all__ = ["place", "refused"]  # fixtures

BUILT_IN = ["hf", "openai", "scripted", "vllm"]
NAMES = {"theirs": "kind", "lacking": "missing", "bare": "bare"}  # name -> what it is called in the module
THEIRS = """
    from dataclasses import replace
    from tts_bench.engines.scripted import ScriptedEngine, adder
    from tts_bench.errors import UserError
    from tts_bench.harness.engines import EngineKind, Loaded

    def load(config, progress):
        engine = ScriptedEngine(adder, name=config.model or "small")
        engine.info = replace(engine.info, name="theirs", settings={"rows": config.rows})
        return Loaded(engine, "their package", notes=("a note of theirs",))

    def check(config):
        if config.model == "huge":
            raise UserError("no machine holds the model huge. Type --model small.")

    kind = EngineKind("adds up", load, options=frozenset({"rows"}), capabilities=frozenset({"seeds"}), check=check)
    bare = EngineKind("forgets to wrap", lambda config, progress: ScriptedEngine(adder))
    missing = EngineKind("is not there", load, installed=lambda: "", install="pip install theirs-more")
"""


@pytest.fixture
def theirs(install: Callable[..., None], place: Path) -> None:
    """Engines of someone else."""
    (place / "their_engine.py").write_text(textwrap.dedent(THEIRS))
    install(
        "their-engine",
        "theirs = their_engine:kind\nlacking = their_engine:missing\nbare = their_engine:bare",
        ENGINES.name,
    )


def test_the_built_in_engines_are_registered_and_say_what_they_are() -> None:
    found = listed()
    assert [engine.name for engine in found] == BUILT_IN
    for engine in found:
        assert engine.kind
        assert engine.source.startswith("test-time-scaling-bench ")
        assert engine.kind.summary
        assert engine.kind.installed() or engine.kind.install


def test_every_option_that_an_engine_may_take_is_one_of_the_command_line_and_taken_by_some() -> None:
    assert set(ENGINE_OPTIONS) < set(ModelConfig.__dataclass_fields__)
    assert set(ENGINE_OPTIONS) == {option for name in BUILT_IN for option in engines.kind_of(name).options}
    with pytest.raises(ValueError, match="options has 'row'"):
        EngineKind("x", lambda config, progress: None, options=frozenset({"row"}))  # type: ignore[arg-type, return-value]


def test_an_installed_engine_runs_by_its_name_and_stands_in_the_record(theirs: None) -> None:
    write_data(rows())
    mine = ["run", "--engine", "theirs", "--rows", "3", "--tasks", "gsm8k", "--data-dir", "data", "--out", "runs/mine"]
    assert root._run([*mine, "--strategy", "baseline"]) == 0
    said = json.loads(Path("runs/mine/run.json").read_text())
    assert said["engine"]["name"] == "theirs"
    assert said["engine"]["settings"] == {"rows": 3}
    assert said["model"]["source"] == "their package"
    assert said["model"]["notes"] == ["a note of theirs"]


@pytest.mark.parametrize(
    ("given", "says"),
    {
        "--engine theirs --device cpu": "--device cpu means nothing to the engine 'theirs'. Leave it out.",
        "--engine theirs --workers 2": "--workers 2 means nothing",
        "--engine theirs --ray local": "--ray local means nothing",
        "--engine theirs --model huge": "no machine holds the model huge. Type --model small.",
        "--engine lacking": "--engine lacking lacks what it needs here. Type pip install theirs-more.",
        "--engine thiers": "no engine 'thiers'. Did you mean 'theirs'? Type 'tts-bench engines' to list them.",
    }.items(),
)
def test_what_an_installed_engine_cannot_do_is_refused_at_once(
    refused: Callable[..., str], theirs: None, given: str, says: str
) -> None:
    assert says in refused(*given.split(), "--out", "runs/mine")


@pytest.mark.parametrize(
    ("entry", "says"),
    {
        "gone = engine_that_is_not_there:kind": "engine 'gone' of b-engine 1.0 fails at import (engine_that_is_not_",
        "gone = json:dumps": "engine 'gone' of b-engine 1.0 is a function; an entry point of tts_bench.engines names a",
        "hf = json:dumps": "the engine name 'hf' is registered by",
    }.items(),
)
def test_a_broken_engine_is_a_message_that_names_its_package(
    refused: Callable[..., str], install: Callable[..., None], entry: str, says: str
) -> None:
    install("b-engine", entry, ENGINES.name)
    message = refused("--engine", entry.partition(" ")[0], "--out", "runs/mine")
    assert says in message
    assert "b-engine 1.0" in message


def test_a_broken_engine_hides_no_other(install: Callable[..., None]) -> None:
    install("c-engine", "gone = engine_that_is_not_there:kind", ENGINES.name)
    found = {engine.name: engine for engine in listed()}
    assert sorted(found) == sorted([*BUILT_IN, "gone"])
    assert found["gone"].kind is None
    assert "fails at import" in found["gone"].problem


def test_the_list_says_what_is_there_what_is_missing_and_what_is_broken(
    install: Callable[..., None], theirs: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    install("c-engine", "gone = engine_that_is_not_there:kind", ENGINES.name)
    assert root._run(["engines"]) == 0
    table, below = capsys.readouterr().out.split("\n\n")
    lines = {line.split()[0]: " ".join(line.split()) for line in table.splitlines()}
    assert {"hf", "openai", "scripted", "vllm", "theirs", "lacking", "gone"} <= set(lines)
    assert lines["theirs"] == "theirs there adds up seeds their-engine 1.0"
    assert lines["lacking"] == "lacking missing is not there nothing beside text their-engine 1.0"
    assert lines["gone"].startswith("gone broken engine 'gone' of c-engine 1.0 fails at import")
    assert lines["scripted"].endswith("built in")
    assert "lacking is missing; type: pip install theirs-more" in below.splitlines()


def test_the_command_that_installs_an_engine_is_in_one_piece_however_narrow_the_terminal(
    theirs: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert root._run(["engines"]) == 0
    assert "lacking is missing; type: pip install theirs-more" in capsys.readouterr().out.splitlines()


def test_a_check_prints_each_claim_and_its_exit_code_says_whether_all_hold_that_apply(
    theirs: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    assert root._run(["engines", "check", "scripted"]) == 0
    *lines, last = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines if not line.startswith(" ")].count("pass") == len(ENGINE_CLAIMS) - 1
    assert "not applicable  unicode" in "\n".join(lines)
    assert last.startswith(f"{len(ENGINE_CLAIMS) - 1} of {len(ENGINE_CLAIMS)} claims hold, not applicable: 1 (")
    monkeypatch.setattr(ScriptedEngine, "learn", lambda engine, token: 7)
    assert root._run(["engines", "check", "scripted"]) == 2
    out = capsys.readouterr().out
    assert "fail            learned-rows" in out
    assert "why: it takes a token that was made for another model" in out


def test_the_list_loads_no_model_library() -> None:
    code = (
        "import sys; from tts_bench.cli import main; assert main._run(['engines']) == 0;"
        "print(sorted({'torch', 'transformers', 'lm_eval', 'matplotlib', 'numpy', 'ray', 'vllm'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("given", "says"),
    {
        "hff": "no engine 'hff'. Did you mean 'hf'",
        "theirs --device cpu": "--device cpu means nothing to the engine 'theirs'",
        "lacking": "pip install theirs-more",
        "bare": "the engine 'bare' loads as a ScriptedEngine; it has to be a tts_bench.harness.engines.Loaded.",
        "openai --model m": "--engine openai needs --base-url",
        "hf --model smollm": "Did you mean 'smollm2'",
    }.items(),
)
def test_a_check_of_what_cannot_be_is_a_message_and_exit_code_2(
    theirs: None, capsys: pytest.CaptureFixture[str], given: str, says: str
) -> None:
    assert root._run(["engines", "check", *given.split()]) == 2
    assert says in capsys.readouterr().err
