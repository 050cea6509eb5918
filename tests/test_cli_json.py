"""`--json`: every verb that prints a table prints one JSON object instead, and standard output holds nothing else."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.analysis.made_runs import solved, write_run
from tests.runs.samples import write_sums
from tests.studies.small import SCRIPTED
from tts_bench import registry
from tts_bench.cli import main as root

# verb -> keys of its object, which stay
KEYS = {
    "strategies": {"schema", "strategies"},
    "strategies show": {"schema", "name", "summary", "doc", "options", "source"},
    "engines": {"schema", "engines"},
    "engines show": {"schema", "name", "summary", "options", "source"},
    "scorers": {"schema", "scorers"},
    "scorers show": {"schema", "name", "summary", "options", "source"},
    "tasks": {"schema", "tasks"},
    "models": {"schema", "models", "cache"},
    "compare": {
        *{"schema", "axis", "notes", "points", "resamples", "seeds", "statements", "text", "unmatched"},
    },
    "curves": {"schema", "run", "curves", "missing", "so_far"},
    "plan": {"schema", "forecast", "prospects", "seeds", "difference", "elsewhere", "unsaid", "untold"},
    "watch": {"schema", "state", "so_far", "points"},
    "doctor": {"schema", "findings"},
    "study status": {"schema", "parts"},
    "study report": {"schema", "table", "comparisons", "notes", "written"},
}
OF_EACH = {  # keys of each thing in a list
    "strategies": {"group", "name", "summary", "doc", "options", "source", "problem"},
    "engines": {"name", "installed", "problem", "source", "summary", "can", "install"},
    "scorers": {"name", "installed", "problem", "source", "summary", "install"},
    "tasks": {"name", "title", "rows", "licence", "hub", "splits", "shipped", "subtasks"},
    "models": {"name", "what", "licence", "caveat", "download", "size", "here"},
}
HOSTILE = "mine\x1b[31m\u202e"


@pytest.fixture(scope="module")
def arguments(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    folder = tmp_path_factory.mktemp("json")
    run = write_run(folder / "run", solved(), model={"name": HOSTILE})
    data = write_sums(folder / "data", 12)
    study = folder / "study.toml"
    study.write_text(f"out = {json.dumps(str(folder / 'study'))}\n{SCRIPTED.replace('[0, 1, 2, 3]', '[0]')}")
    assert root._run(["study", "run", str(study), "-q"]) == 0
    planned = ["--engine", "scripted", "--tasks", "gsm8k", "--data-dir", str(data), "--out", str(folder / "x" / "y")]
    return {
        "strategies show": ["baseline"],
        "engines show": ["hf"],
        "scorers show": ["judge"],
        "compare": [str(run), "--resamples", "1000"],
        "curves": [str(run), "--resamples", "1000"],
        "plan": [*planned, "--strategy", "baseline:budgets=4+20", "--strategy", "majority-vote:samples=2"],
        "watch": [str(run)],
        "study status": [str(study)],
        "study report": [str(study)],
    }


def commands() -> Iterator[tuple[str, Any]]:
    """Every command by its words, commands of a verb too."""
    for verb in root.VERBS:
        if verb != "lm-eval":
            command = root._command(verb)
            yield verb, command
            yield from ((f"{verb} {name}", child) for name, child in getattr(command, "commands", {}).items())


def test_the_option_is_called_alike_and_these_verbs_have_it() -> None:
    found = {name: [param.opts for param in command.params] for name, command in commands()}
    assert {name for name, options in found.items() if ["--json"] in options} == set(KEYS)


@pytest.mark.parametrize("verb", KEYS)
def test_standard_output_is_one_object_with_the_same_keys_and_plain_letters(
    verb: str, arguments: dict[str, list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert root._run([*verb.split(), *arguments.get(verb, []), "--json"]) == 0
    out = capsys.readouterr().out
    assert out.isascii()
    assert not set(out) & {chr(code) for code in range(32) if chr(code) != "\n"}
    found = json.loads(out)
    assert set(found) == KEYS[verb]
    if verb in OF_EACH:
        assert found[verb]
        for one in found[verb]:
            assert set(one) <= OF_EACH[verb]
            assert one["name"]


def test_the_list_of_strategies_has_every_one_and_its_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert root._run(["strategies", "--json"]) == 0
    found = {one["name"]: one for one in json.loads(capsys.readouterr().out)["strategies"]}
    assert set(found) == set(registry.names())
    described = registry.describe("majority-vote")
    said = [option["name"] for option in found["majority-vote"]["options"]]
    assert said == [option.name for option in described.options]


def test_the_table_of_a_study_is_that_of_its_file(
    arguments: dict[str, list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert root._run(["study", "report", *arguments["study report"], "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    table, comparisons = (Path(path) for path in found["written"][:2])
    assert [row["strategy"] for row in found["table"]] == [
        row["strategy"] for row in csv.DictReader(table.read_text().splitlines())
    ]
    assert found["comparisons"] == json.loads(comparisons.read_text())
    assert root._run(["study", "status", *arguments["study status"], "--json"]) == 0
    [part] = json.loads(capsys.readouterr().out)["parts"]
    assert root._run(["study", "status", *arguments["study status"]]) == 0
    assert capsys.readouterr().out.startswith("1 of 1 parts are finished\n")  # the row below it is shorter
    assert part == {"part": "adder-0", "state": "finished", "records": 8, "of": 8, "errors": 0, "message": ""}


def test_an_error_leaves_standard_output_empty(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["compare", str(tmp_path)], ["strategies", "nope"], ["plan", "--pilot", "0"]):
        assert root._run([*words, "--json"]) == 2
        assert capsys.readouterr().out == ""
