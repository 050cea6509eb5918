"""Engines by name: built-in and installed ones, what they take, and what is said where one is broken."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.refusals import place, refused, rows, write_data
from tts_bench.cli import main as root
from tts_bench.engines import kinds
from tts_bench.engines.flags import flagged
from tts_bench.engines.hf.kind import HfOptions
from tts_bench.engines.hf.load import load
from tts_bench.engines.kinds import ENGINES, EngineKind, listed
from tts_bench.engines.openai.kind import OpenAIOptions
from tts_bench.engines.scripted import ScriptedEngine
from tts_bench.errors import UserError
from tts_bench.lm_eval.lm import TTSBenchLM
from tts_bench.testing import ENGINE_CLAIMS

__all__ = ["place", "refused"]  # fixtures

BUILT_IN = ["hf", "openai", "replay", "scripted", "vllm"]
NAMES = {"theirs": "kind", "lacking": "missing", "bare": "bare"}  # name -> what it is called in the module
THEIRS = """
    from dataclasses import dataclass, replace
    from tts_bench.engines.kinds import EngineKind, Loaded, NoOptions
    from tts_bench.engines.scripted import ScriptedEngine, adder
    from tts_bench.errors import UserError

    @dataclass(frozen=True)
    class Options:
        rows: int | None = None
        accent: str = "none at all"

        def __post_init__(self):
            if self.rows is not None and self.rows > 99:
                raise ValueError(f"rows is {self.rows}; it takes at most 99")

    def load(setup):
        engine, options = ScriptedEngine(adder, name=setup.config.model or "small"), setup.options
        engine.info = replace(
            engine.info,
            name="theirs",
            identity={"engine": "theirs", "accent": options.accent},
            settings={"rows": options.rows},
        )
        return Loaded(engine, "their package", notes=("a note of theirs",))

    def check(setup):
        if setup.config.model == "huge":
            raise UserError("no machine holds the model huge. Type --model small.")

    kind = EngineKind("adds up", Options, load, capabilities=frozenset({"seeds"}), check=check)
    bare = EngineKind("forgets to wrap", NoOptions, lambda setup: ScriptedEngine(adder))
    missing = EngineKind("is not there", NoOptions, load, installed=lambda: "", install="pip install theirs-more")
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


@pytest.mark.parametrize("options", [frozenset({"rows"}), dict, {}], ids=str)
def test_options_that_are_no_frozen_dataclass_are_refused(options: object) -> None:
    with pytest.raises(ValueError, match=r"options is .*; it takes a frozen dataclass"):
        EngineKind("x", options, lambda setup: None)  # type: ignore[arg-type, return-value]


def test_an_installed_engine_runs_by_its_name_and_stands_in_the_record(theirs: None) -> None:
    write_data(rows())
    mine = ["run", "--engine", "theirs", "--rows", "3", "--tasks", "gsm8k", "--data-dir", "data", "--out", "runs/mine"]
    assert root._run([*mine, "--strategy", "baseline"]) == 0
    said = json.loads(Path("runs/mine/run.json").read_text())
    assert said["engine"]["name"] == "theirs"
    assert said["engine"]["settings"] == {"rows": 3}
    assert said["model"]["source"] == "their package"
    assert said["model"]["notes"] == ["a note of theirs"]


def test_an_option_of_an_installed_engine_is_typed_like_one_of_a_strategy_and_stands_in_the_identity(
    theirs: None, capsys: pytest.CaptureFixture[str]
) -> None:
    write_data(rows())
    mine = ["run", "--tasks", "gsm8k", "--data-dir", "data", "--out", "runs/mine", "--strategy", "baseline"]
    assert root._run([*mine, "--engine", r"theirs:accent=broad\, and slow,rows=3"]) == 0
    said = json.loads(Path("runs/mine/run.json").read_text())
    assert said["identity"]["engine"] == {"engine": "theirs", "accent": "broad, and slow"}
    assert root._run([*mine, "--engine", r"theirs:accent=broad\, and slow", "--rows", "5"]) == 0  # speeds may differ
    capsys.readouterr()
    assert root._run([*mine, "--engine", "theirs:accent=clipped"]) == 2
    assert "its engine, accent, is" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "says"),
    {
        "--engine theirs:rws=3": "theirs has no option 'rws'. Did you mean 'rows'? Options: rows (a whole number, ",
        "--engine theirs:rows": "theirs has 'rows'; it takes key=value",
        "--engine theirs:rows=1,rows=2": "theirs has 'rows' twice",
        "--engine theirs:rows=many": "theirs: option rows is 'many'; it takes a whole number",
        "--engine theirs:rows=100": "theirs: rows is 100; it takes at most 99",
        "--engine theirs --rows 100": "--rows is 100; it takes at most 99.",
        "--engine theirs:rows=3 --rows 4": "--rows contradicts --engine theirs:rows=3. Give one",
        "--engine hf:rows=3 --max-num-seqs 4": "--max-num-seqs contradicts --engine hf:max_num_seqs=3. Give one",
        "--engine hf:rows=3,max_num_seqs=3": "hf has 'max_num_seqs' twice: rows is another name for it. Give one",
        "--engine hf --rows 3 --max-num-seqs 4": "both set max_num_seqs. Give one of them.",
        "--engine openai --max-num-seqs 4": "engine 'openai' has no option --max-num-seqs 4. Remove it.",
        "--engine :rows=3": "':rows=3' names no engine",
        "--engine theirs --device cpu": "engine 'theirs' has no option --device cpu. Remove it.",
        "--engine theirs --no-exact": "engine 'theirs' has no option --no-exact. Remove it.",
        "--engine theirs --workers 2": "engine 'theirs' has no option --workers 2",
        "--engine theirs --ray local": "engine 'theirs' has no option --ray local",
        "--engine scripted --workers 2": "--workers 2 needs --ray with the engine 'scripted'",
        "--engine hf:device=cudda": "no device 'cudda'. Did you mean 'cuda'",
        "--engine hf:cache_byte=5": "hf has no option 'cache_byte'. Did you mean 'cache_bytes'",
        "--engine hf:cache_bytes=0": "hf: cache_bytes is 0; it takes a whole number from 1 upwards",
        "--engine theirs --model huge": "no machine holds the model huge. Type --model small.",
        "--engine lacking": "--engine lacking is missing a dependency. Type pip install theirs-more.",
        "--engine thiers": "no engine 'thiers'. Did you mean 'theirs'? Type 'tts-bench engines' to list them.",
    }.items(),
)
def test_what_an_installed_engine_cannot_do_is_refused_at_once(
    refused: Callable[..., str], theirs: None, given: str, says: str
) -> None:
    assert says in refused(*given.split(), "--out", "runs/mine")


@pytest.mark.parametrize(
    "given", ["--engine theirs:rows=3", "--engine theirs --rows 3", "--engine theirs:rows=3 --rows 3"]
)
def test_a_flag_is_another_name_of_the_option(theirs: None, given: str) -> None:
    write_data(rows())
    base = ["run", "--tasks", "gsm8k", "--data-dir", "data", "--out", "runs/mine", "--strategy", "baseline"]
    assert root._run([*base, *given.split()]) == 0
    assert json.loads(Path("runs/mine/run.json").read_text())["engine"]["settings"] == {"rows": 3}


@pytest.mark.parametrize(("engine", "option"), [("hf", "max_num_seqs"), ("openai", "num_concurrent")])
def test_the_older_name_of_an_option_is_read_and_never_written(engine: str, option: str) -> None:
    found = [
        kinds.chosen(f"{engine}:rows=3"),
        kinds.chosen(engine, {"rows": "3"}),
        kinds.chosen(engine, {option: "3"}),
        kinds.chosen(f"{engine}:rows=8", {"rows": "3"}, over=True),
        kinds.chosen(f"{engine}:{option}=8", {"rows": "3"}, over=True),
    ]
    assert {each.spec for each in found} == {f"{engine}:{option}=3"}


def test_an_option_of_an_installed_engine_is_an_argument_of_the_model_for_lm_eval(theirs: None) -> None:
    model = TTSBenchLM("majority-vote", engine="theirs", accent="broad", rows=4, samples=2)
    info = model._model.engine.info
    assert (info.identity["accent"], info.settings["rows"]) == ("broad", 4)
    with pytest.raises(UserError, match=r"majority-vote has no option 'acent'\. .* Options: samples"):
        TTSBenchLM("majority-vote", engine="theirs", acent="broad")


def test_a_flag_and_an_option_that_say_the_same_number_in_other_words_agree() -> None:
    typed = {"request_timeout": "600.0", "base_url": "http://a/v1"}
    found = kinds.chosen("openai:request_timeout=6e2,base_url=http://a/v1", typed)
    assert found.options == OpenAIOptions(base_url="http://a/v1")


def test_every_option_that_has_a_flag_is_one_of_the_command_line() -> None:
    command: Any = root._command("run")
    assert set(flagged()) < {param.name for param in command.params}


def test_a_new_option_of_the_hf_engine_is_a_field_that_stands_beside_it() -> None:
    """`cache_bytes` is in no list: it reaches `hf.load.load` by its name."""
    own = set(inspect.signature(load).parameters) - {"folder", "name", "fingerprint", "context", "share", "apart"}
    assert set(HfOptions().of_each()) == own


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
    assert lines["lacking"] == "lacking missing is not there text only their-engine 1.0"
    assert lines["gone"].startswith("gone broken engine 'gone' of c-engine 1.0 fails at import")
    assert lines["scripted"].endswith("built in")
    assert "lacking is missing; type: pip install theirs-more" in below.splitlines()


def test_the_name_of_an_engine_shows_its_options_and_what_they_do(
    theirs: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert root._run(["engines", "theirs"]) == 0
    said = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "accent a text none at all" in said
    assert said[-1] == "from their-engine 1.0"
    assert root._run(["engines", "vllm"]) == 0
    out = capsys.readouterr().out
    assert "Check at startup that output is batch-invariant." in out
    assert "Any other option is passed to the underlying library" in out


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
    assert "why: it accepts a token that was made for another model" in out


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
        "theirs --device cpu": "engine 'theirs' has no option --device cpu",
        "theirs:rws=3": "theirs has no option 'rws'. Did you mean 'rows'",
        "lacking": "pip install theirs-more",
        "bare": "the engine 'bare' loads as a ScriptedEngine; it must be a tts_bench.engines.kinds.Loaded.",
        "openai --model m": "--engine openai needs --base-url",
        "hf --model smollm": "Did you mean 'smollm2'",
    }.items(),
)
def test_a_check_of_what_cannot_be_is_a_message_and_exit_code_2(
    theirs: None, capsys: pytest.CaptureFixture[str], given: str, says: str
) -> None:
    assert root._run(["engines", "check", *given.split()]) == 2
    assert says in capsys.readouterr().err
