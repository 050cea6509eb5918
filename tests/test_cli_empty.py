"""Claims about what is typed or written empty, twice or in other digits: one message, never a silent default."""

# ruff: noqa: F811 - fixtures are imported by name
from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.refusals import SCRIPTED, SMALL, place, refused, rows, write_data  # noqa: F401 - fixtures
from tts_bench.cli import main as root
from tts_bench.config_file import built, read
from tts_bench.errors import UserError


@pytest.fixture(autouse=True)
def data(place: Path) -> None:
    write_data(rows())


@pytest.mark.parametrize(
    "flag", ["--model", "--engine", "--tasks", "--strategy", "--strategies", "--out", "--store", "--data-dir"]
)
def test_an_empty_value_is_refused(refused: Callable[..., str], flag: str) -> None:
    assert f"{flag} is empty" in refused(*SMALL, flag, "")


@pytest.mark.parametrize("seed", ["-1", str(2**63)])
def test_a_seed_is_one_that_every_library_can_hold(refused: Callable[..., str], seed: str) -> None:
    said = "it takes a whole number from 0 to 9223372036854775807"
    assert f"--seed is {seed}; {said}" in refused(*SMALL, "--seed", seed)


@pytest.mark.parametrize("seeds", ["\u0661", "0,\u0662", "-1"])
def test_seeds_are_whole_numbers_in_ascii(refused: Callable[..., str], seeds: str) -> None:
    assert "--seeds" in refused(*SMALL, "--seeds", seeds)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("limit = 0\n", "run.toml, line 1: limit is 0; it takes a whole number from 1 upwards"),
        ('tasks = ["gsm8k"]\ntop_p = 7.0\n', "run.toml, line 2: top_p is 7.0; it takes"),
        ("strategies = []\n", "run.toml, line 1: strategies is []; it takes at least one"),
        ('model = ""\n', 'run.toml, line 1: model is ""; it takes a text that is not empty'),
        ("seed = -3\n", "run.toml, line 1: seed is -3; it takes a whole number from 0"),
    ],
)
def test_a_wrong_value_of_a_configuration_file_is_told_with_file_and_line(
    refused: Callable[..., str], text: str, said: str
) -> None:
    Path("run.toml").write_text(text)
    assert said in refused(*SCRIPTED, "--data-dir", "data", "--config", "run.toml")


def test_json_that_says_a_key_twice_is_refused(refused: Callable[..., str]) -> None:
    Path("run.json").write_text('{"limit": 1, "limit": 2}')
    assert "it says 'limit' twice" in refused(*SMALL, "--config", "run.json")


@pytest.mark.parametrize("name", ["run.toml", "run.json"])
def test_a_configuration_may_begin_with_a_byte_order_mark(place: Path, name: str) -> None:
    text = {"run.toml": 'tasks = ["gsm8k"]\nstrategies = ["baseline"]\n'}.get(
        name, '{"tasks": ["gsm8k"], "strategies": ["baseline"]}'
    )
    Path(name).write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert built(read(Path(name))).strategies == ("baseline",)


def test_a_store_that_is_none_is_refused_and_stays_as_it_is(refused: Callable[..., str]) -> None:
    Path("notes.txt").write_text("mine")
    with sqlite3.connect("other.sqlite") as other:
        other.execute("CREATE TABLE mine (a)")
    other.close()
    for name in ("notes.txt", "other.sqlite", "others"):
        assert name in refused(*SMALL, "--store", name)


@pytest.mark.parametrize("size", ["inf", "nan", "0"])
def test_the_size_of_a_report_is_a_number_above_zero(capsys: pytest.CaptureFixture[str], size: str) -> None:
    assert root._run(["run", *SMALL, "-q"]) == 0
    assert root._run(["report", "runs/mine", "--max-mb", size]) == 2
    assert "--max-mb is" in capsys.readouterr().err
    assert not Path("runs/mine/report.html").exists()


@pytest.mark.parametrize("value", ["1", "0"])
def test_a_message_about_an_option_that_a_variable_sets_names_the_variable(
    refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("TTS_BENCH_RUN_WORKERS", value)
    said = refused(*SMALL)
    assert "--workers" in said
    assert "--workers is set by the environment variable TTS_BENCH_RUN_WORKERS." in said


def test_a_rate_of_a_machine_is_given_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert root._run(["plan", *SMALL, "--rate", "a=5", "--rate", "a=6"]) == 2
    assert "--rate gives a twice" in capsys.readouterr().err


def test_a_token_without_a_name_is_refused(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert root._run(["token", "init", "--model", "pocket", "--name", "", "--out", "t"]) == 2
    assert "--name is empty" in capsys.readouterr().err
    assert not Path("t").exists()


def test_an_unknown_value_is_no_python_error() -> None:
    with pytest.raises(UserError, match=r"gone\.toml cannot be read"):
        read(Path("gone.toml"))
