"""Claims about a study that is played: killed, spread, failing, joined, and read as one table."""

from __future__ import annotations

import itertools
import json
import math
import random
import shutil
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm, t

import tts_bench as tb
from tests import forked
from tests.killed import kept, stored
from tests.studies.small import SCRIPTED, WHOLE, parts
from tts_bench.analysis.family import Comparison
from tts_bench.analysis.paired import holm
from tts_bench.cli import main as root
from tts_bench.errors import UserError
from tts_bench.present.results import Results
from tts_bench.present.study import csv_of, pooled
from tts_bench.present.trackers.line import lines
from tts_bench.studies.file import read
from tts_bench.studies.folder import states
from tts_bench.studies.results import StudyData

REPORTED = ("table.csv", "comparisons.json", "figures/pocket_flat.svg", "study.toml")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with study.toml, played undisturbed into runs/study, and reported."""
    place = tmp_path_factory.mktemp("whole")
    (place / "study.toml").write_text(WHOLE)
    for words in (("run", "study.toml"), ("report", "study.toml")):
        done = forked.run(forked.MAIN, "study", *words, cwd=place)
        assert done.returncode == 0, done.stderr
    return place


@pytest.fixture(scope="module")
def data(whole: Path) -> StudyData:
    return StudyData(read(whole / "runs" / "study"))


@pytest.mark.xdist_group("study")  # one process plays it, once
@pytest.mark.slow
def test_kill_9_at_five_random_points_changes_no_byte_of_a_study(whole: Path, tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text(WHOLE)
    store = tmp_path / "runs" / "study" / "generations.sqlite"
    total = stored(whole / "runs" / "study" / "generations.sqlite")
    points, killed = sorted(random.Random(19).sample(range(1, total), 5)), 0
    for point in points:
        program = forked.Program(forked.MAIN, "study", "run", "study.toml", cwd=tmp_path)
        while program.returncode is None and stored(store) < point:
            time.sleep(0.005)
        killed += program.returncode is None
        program.kill()
    assert killed > 2
    for words in (("run", "study.toml"), ("report", "study.toml")):
        done = forked.run(forked.MAIN, "study", *words, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    here, there = tmp_path / "runs" / "study", whole / "runs" / "study"
    assert parts(here) == parts(there)
    assert len(parts(here)) == 12
    assert {name: (here / name).read_bytes() for name in REPORTED} == {
        name: (there / name).read_bytes() for name in REPORTED
    }
    assert kept(store) == kept(there / "generations.sqlite")


@pytest.mark.xdist_group("study")  # one process plays it, once
def test_every_number_of_the_table_follows_from_the_exported_answers(data: StudyData) -> None:
    table = pd.DataFrame(data.rows())
    rows = Results(*data.folders, allow_different=True).to_pandas()
    rows["no_answer"] = rows.extracted.isna().astype(float)
    keys = ["model", "task", "strategy_id", "rung"]
    assert len(table) == 2 * 2 * (2 + 3 + 2 + 2) == len(rows.groupby(keys))
    expected = _votes(data)
    for line in table.itertuples():
        mine = rows[(rows[keys] == [line.model, line.task, line.strategy_id, line.rung]).all(axis=1)].copy()
        mine["score"] = [
            expected.get((seed, line.model, line.task, doc, line.rung), score)
            if line.strategy == "majority-vote"
            else score
            for seed, doc, score in zip(mine.seed, mine.doc_id, mine.score, strict=True)
        ]
        per_problem = mine.groupby("doc_id").mean(numeric_only=True)
        assert (line.n, line.seeds, line.errors) == (len(per_problem), 3, 0)
        assert line.accuracy == pytest.approx(per_problem.score.mean())
        assert line.overall == pytest.approx(mine.score.mean())
        assert line.between == pytest.approx(mine.groupby("seed").score.mean().std(ddof=1))
        assert (line.low, line.high) == pytest.approx(_interval(per_problem.score.to_numpy()))
        assert line.generated_median == pytest.approx(per_problem.generated.median())
        assert line.generated_p90 == pytest.approx(per_problem.generated.quantile(0.9))
        for name in set(table.columns) & set(per_problem.columns) - {"seed", "n", "errors"}:
            assert getattr(line, name) == pytest.approx(per_problem[name].mean()), name
    said = pd.read_csv(Path(data.study.out) / "table.csv", dtype={"rung": str})
    pd.testing.assert_frame_equal(said, table, check_dtype=False)


def _interval(values: np.ndarray[Any, Any]) -> tuple[float, float]:
    """Wilson's, with as many right-or-wrong problems as have the variance of `values`: docs/measures.md."""
    n, z, mean = len(values), norm.ppf(0.975), values.mean()
    if not set(values) <= {0.0, 1.0} and len(set(values)) > 1:
        centre = (mean * n + 0.05) / (n + 0.1)
        spread = ((values - centre) ** 2).sum() + 0.05 * (centre**2 + (1 - centre) ** 2)
        n = n * centre * (1 - centre) * (n - 0.9) / spread * (z / t.ppf(0.975, n - 1)) ** 2
    middle = (mean + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(mean * (1 - mean) / n + z**2 / (4 * n**2))
    return max(0.0, middle - half), min(1.0, middle + half)


def _votes(data: StudyData) -> dict[tuple[int, str, str, int, str], float]:
    """For each vote of k the mean score over all orders of the samples, of which the first k are counted."""
    found = {}
    for state in data.states:
        for record in Results(state.part.folder).records():
            if not record.strategy.startswith("majority-vote"):
                continue
            said = [part for part in record.segments if part.kind == "answer"]
            scored: list[Any] = [*said, *record.answers]
            known = {one.extracted: one.scores["strict"] for one in scored if one.scores}
            ballots = [(part.extracted, known[part.extracted]) for part in said]
            assert len(ballots) == 3
            for k, rung in enumerate((answer.rung for answer in record.answers), 1):
                scores = [_score(order[:k]) for order in itertools.permutations(ballots)]
                key = (state.part.seed, state.part.model, record.task, record.doc_id, rung)
                found[key] = sum(scores) / len(scores)
    return found


def _score(ballots: tuple[tuple[str | None, float], ...]) -> float:
    votes = Counter(said for said, _ in ballots if said is not None)
    winner = max(votes, key=votes.__getitem__) if votes else None
    return next((score for said, score in ballots if said == winner), 0.0)


@pytest.mark.xdist_group("study")  # one process plays it, once
def test_the_family_is_what_the_study_names_on_each_task_and_model(data: StudyData) -> None:
    compared = data.compare(resamples=1000)
    assert compared is not None
    found: Comparison = compared.comparison
    told = list(zip(compared.listed(), found.statements, strict=True))
    cues = [statement for name, statement in told if name == "cues"]
    assert sorted((one.task, one.left.partition("/")[0]) for one in cues) == sorted(
        itertools.product(("pocket_arithmetic", "pocket_flat"), ("pocket", "adder"))
    )
    assert all(one.left.endswith("cue=Wait") and one.right.endswith("cue=Hmm") and one.kind == "last" for one in cues)
    assert {name for name, _ in told} <= {"cues", "vote"}
    assert [one.adjusted for one in found.statements] == pytest.approx(holm([one.p for one in found.statements]))
    table = pd.DataFrame(data.rows()).set_index(["model", "task", "strategy"])
    for one in cues:
        model, _, left = one.left.partition("/")
        sides = [table.loc[(model, one.task, name)].accuracy.iloc[-1] for name in (left, one.right.partition("/")[2])]
        assert one.difference == pytest.approx(sides[0] - sides[1])


def test_a_finished_study_is_not_played_again_and_grows_by_seeds_and_comparisons_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    file = Path("s.toml")
    file.write_text(SCRIPTED.replace("[0, 1, 2, 3]", "[0, 1]"))
    assert root._run(["study", "run", "s.toml"]) == 0
    before = parts(Path("runs/s"), "records.jsonl", "run.json")
    file.write_text(SCRIPTED.replace("[0, 1, 2, 3]", "[0, 1, 2]"))
    capsys.readouterr()
    assert root._run(["study", "run", "s.toml"]) == 0
    assert "adder-0: finished before" in capsys.readouterr().out
    grown = parts(Path("runs/s"), "records.jsonl", "run.json")
    assert before.items() <= grown.items()
    assert len(grown) == 6
    for text, said in {
        SCRIPTED.replace("limit = 4", "limit = 5"): "holds runs of adder with other settings: their limit is 4",
        SCRIPTED.replace("[0, 1, 2, 3]", "[1, 2, 3]"): "holds runs that this study does not have: adder-0",
    }.items():
        file.write_text(text)
        assert root._run(["study", "run", "s.toml"]) == 2
        assert said in capsys.readouterr().err
    assert parts(Path("runs/s"), "records.jsonl", "run.json") == grown


def test_a_part_that_fails_is_named_and_the_others_finish(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    table = "[models.wide]\nengine = 'scripted'\nmodel = 'adder'\nstrategies = ['baseline:budgets=200000']\n"
    wide = f"{table}\n[models.adder]"
    Path("s.toml").write_text(SCRIPTED.replace("[models.adder]", wide).replace("[0, 1, 2, 3]", "[0, 1]"))
    assert root._run(["study", "run", "s.toml"]) == 1
    said = capsys.readouterr().out
    assert "2 of 4 parts finished without an error" in said
    assert said.count("wide-0: failed: baseline:budgets=200000: a budget of 200000 tokens is larger") == 2
    assert "2 of 4 parts are finished; wide-0, wide-1 are not in any number." in " ".join(said.split())
    assert [state.kind for state in states(read(Path("s.toml")))] == ["failed", "failed", "finished", "finished"]
    assert root._run(["study", "status", "s.toml"]) == 0
    assert "a budget of 200000 tokens" in capsys.readouterr().out


@pytest.mark.xdist_group("study")  # one process plays it, once
def test_the_page_of_a_study_has_each_models_front(data: StudyData) -> None:
    shown = pooled(data, None).verdicts
    seen = set()
    for row in shown["front"]:
        budget, accuracy, spent = row["numbers"]
        dearest: dict[str, Any] = {}
        for line in data.lines:
            point = line.point
            if f"{point.task}, {line.model}" == row["task"] and point.generated <= budget * (1 + 1e-9):
                known = dearest.get(point.strategy)
                dearest[point.strategy] = max(known or point, point, key=lambda point: point.generated)
        best = max(dearest.values(), key=lambda point: (round(point.accuracy, 12), -point.generated))
        assert (best.accuracy, best.generated) == pytest.approx((accuracy, spent))
        seen.add(row["task"])
    assert seen == {f"{task}, {model}" for task in ("pocket_arithmetic", "pocket_flat") for model in data.study.models}
    assert "Each strategy is taken at its dearest rung" in shown["front_reading"]


@pytest.mark.xdist_group("study")  # one process plays it, once
def test_a_program_has_the_tables_of_the_command(data: StudyData, tmp_path: Path) -> None:
    found = tb.study(data.study.out, quiet=True)
    pd.testing.assert_frame_equal(found.table(), pd.DataFrame(data.rows()))
    assert (len(found.folders), found.notes) == (6, ())
    assert len(found.to_pandas()) == 4 * 2 * 6 * (2 + 3 + 2 + 2)
    found.plot("pocket_flat", tmp_path / "flat.png")
    reported = data.study.out / "figures" / "pocket_flat.png"
    assert (tmp_path / "flat.png").read_bytes() == reported.read_bytes()
    with pytest.raises(UserError, match=r"no task 'flat'. Known: pocket_arithmetic, pocket_flat"):
        found.plot("flat")


@pytest.mark.xdist_group("study")  # one process plays it, once
def test_a_tracker_gets_every_line_of_every_part_of_a_study(data: StudyData) -> None:
    found = lines([data.study.out])
    assert len({line.id for line in found}) == len(found) == len(data.folders) * 2 * 4  # tasks, strategies
    assert [line.id for line in found] == [line.id for folder in data.folders for line in lines([folder])]
    assert {line.params["seed"] for line in found} == {0, 1, 2}


def test_a_study_without_a_finished_part_has_nothing_for_a_tracker(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "study.toml").write_text(WHOLE)
    assert root._run(["track", str(tmp_path), "--to", "mlflow"]) == 2
    assert "no part of the study" in capsys.readouterr().err


@pytest.mark.xdist_group("study")  # one process plays it, once
@pytest.mark.slow
def test_parts_in_processes_have_the_same_bytes_and_one_that_dies_fails_alone(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("deadly.py").write_text(
        "import os\nfrom dataclasses import dataclass\n@dataclass(frozen=True)\nclass Deadly:\n"
        "    async def solve(self, problem, reasoner):\n        os.kill(os.getpid(), 9)\n        yield None\n"
    )
    deadly = (
        "[models.deadly]\nengine = 'scripted'\nmodel = 'adder'\nstrategies = ['./deadly.py:Deadly']\n\n[models.adder]"
    )
    Path("study.toml").write_text(
        WHOLE.replace("[models.adder]", deadly).replace("[0, 1, 2]", "[0]").partition("[comp")[0]
    )
    assert root._run(["study", "run", "study.toml", "--jobs", "2"]) == 1
    assert "deadly-0: failed: its process ended with signal 9" in capsys.readouterr().out
    found = parts(tmp_path / "runs" / "study", "records.jsonl")
    assert len(found) == 2
    assert found.items() <= parts(whole / "runs" / "study").items()


def test_two_halves_are_joined_to_the_study_that_one_machine_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for place, words in {"one": ["--part", "1/2"], "two": ["--part", "2/2"], "alone": []}.items():
        (tmp_path / place).mkdir()
        monkeypatch.chdir(tmp_path / place)
        Path("s.toml").write_text(SCRIPTED)
        assert root._run(["study", "run", "s.toml", *words]) == 0
    monkeypatch.chdir(tmp_path)
    halves = [f"{place}/runs/s" for place in ("one", "two")]
    before = {half: parts(Path(half), "*") for half in halves}
    assert root._run(["study", "merge", *halves, "--out", "both"]) == 0
    assert {half: parts(Path(half), "*") for half in halves} == before
    alone = Path("alone/runs/s")
    assert parts(Path("both")) == parts(alone)
    assert len(parts(Path("both"))) == 8
    assert kept(Path("both/generations.sqlite")) == kept(alone / "generations.sqlite")
    assert csv_of(StudyData(read(Path("both")))) == csv_of(StudyData(read(alone)))
    assert not list(Path("both").rglob(".lock"))

    assert root._run(["study", "merge", *halves, "both", "--out", "again"]) == 0  # the same part twice, alike
    shutil.copytree("both", "changed")
    records = Path("changed/parts/adder-0/records.jsonl")
    records.write_bytes(records.read_bytes().replace(b'"spent"', b'"Spent"', 1))
    shutil.copytree("both", "other")
    Path("other/study.toml").write_text(Path("both/study.toml").read_text().replace("limit = 4", "limit = 5"))
    shutil.copytree("both", "damaged")
    Path("damaged/generations.sqlite").write_bytes(b"SQLite format 3\0" + bytes(5000))
    damaged = {path.name: path.read_bytes() for path in Path("damaged").glob("generations*")}
    capsys.readouterr()
    for folders, said in {
        ("both", "damaged"): "the generation store damaged/generations.sqlite is damaged",
        ("both", "changed"): "adder-0 and changed/parts/adder-0 are the same part with different records",
        ("both", "other"): "both and other are different studies: 'limit = 4', and 'limit = 5' in its place",
        ("both", "both/parts"): "both/parts is not a study folder",
    }.items():
        assert root._run(["study", "merge", *folders, "--out", "never"]) == 2
        assert said in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in Path("damaged").glob("generations*")} == damaged
    assert root._run(["study", "merge", *halves, "--out", "both"]) == 2
    assert "--out both is already there" in capsys.readouterr().err
    assert not [path for path in tmp_path.iterdir() if "never" in path.name]


def test_flags_with_several_seeds_are_a_study_and_with_one_the_plain_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["run", "--engine", "scripted", "--model", "adder", "--tasks", "pocket_arithmetic", "--limit", "4"]
    words += ["--strategy", "baseline"]
    assert root._run([*words, "--seeds", "1,2"]) == 0
    [study] = Path("runs").iterdir()
    assert [state.part.name for state in states(read(study)) if state.kind == "finished"] == ["adder-1", "adder-2"]
    Path("file.toml").write_text('out = "named/here"\n')
    for _ in range(2):  # the same command finds it again
        assert root._run([*words, "--seeds", "1,2", "--config", "file.toml"]) == 0
    assert [state.kind for state in states(read(Path("named/here")))] == ["finished"] * 2
    assert [path.name for path in Path("runs").iterdir()] == [study.name]
    assert root._run([*words, "--seeds", "1", "--out", "plain/one"]) == 0
    assert root._run([*words, "--seed", "1", "--out", "plain/two"]) == 0
    plain = [(Path("plain") / name / "records.jsonl").read_bytes() for name in ("one", "two")]
    assert plain[0] == plain[1] == (study / "parts" / "adder-1" / "records.jsonl").read_bytes()
    assert sorted(path.name for path in Path("plain").iterdir()) == ["generations.sqlite", "one", "two"]
    headers = [json.loads((Path("plain") / name / "run.json").read_text())["identity"] for name in ("one", "two")]
    assert headers[0] == headers[1]
