"""Claims about a study whose models name one strategy in two ways, on records that are made up."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.analysis.made_up import answer, record
from tests.analysis.run_folders import write_run
from tts_bench import registry
from tts_bench.errors import UserError
from tts_bench.runs.portable import portable
from tts_bench.studies.file import parsed
from tts_bench.studies.results import StudyData
from tts_bench.studies.study import Study

SHORT, LONG = "majority-vote:samples=8", "majority-vote:samples=8,budget=none"
TASK = "pocket_arithmetic"
FILE = f"""\
seeds = [0, 1]
tasks = ["{TASK}"]

[models.one]
model = "adder"
engine = "scripted"
strategies = ["baseline", "{SHORT}"]

[models.two]
model = "adder"
engine = "scripted"
strategies = ["baseline", "{LONG}"]

[comparisons.short]
left = "{SHORT}"
right = "baseline"
models = ["one"]

[comparisons.long]
left = "{LONG}"
right = "baseline"
models = ["two"]
"""


def played(study: Study, ids: dict[str, list[str]]) -> None:
    """Write the folder of each part, whose strategies have `ids`."""
    for part in study.parts:
        own = ids[part.name]
        records = [
            record(answer(float(place)), doc=doc, task=TASK, strategy=one)
            for place, one in enumerate(own)
            for doc in range(8)
        ]
        path = write_run(part.folder, records, seed=part.seed, strategies=own) / "run.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "config": portable(part.config)}))


def test_every_comparison_is_made_however_a_model_spells_its_strategies(tmp_path: Path) -> None:
    study = parsed(FILE.encode(), "f.toml", tmp_path)
    played(study, {part.name: [one.id for one in registry.build_all(part.config.strategies)] for part in study.parts})
    compared = StudyData(study).compare(resamples=1000)
    assert compared is not None
    assert compared.listed() == ["short", "long"]
    assert [said.difference for said in compared.comparison.statements] == [1.0, 1.0]


def test_parts_with_other_defaults_of_a_strategy_are_refused(tmp_path: Path) -> None:
    study = parsed(FILE.encode(), "f.toml", tmp_path)
    played(study, {part.name: ["baseline:", f"mine:n={part.seed}"] for part in study.parts})
    with pytest.raises(UserError, match=r"one-1 has another majority-vote:samples=8 .*: mine:n=0, mine:n=1\."):
        StudyData(study)
