import json
import re
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import tts_bench as tb
from tests.analysis.made_up import answer, failed, made_up, record
from tests.analysis.run_folders import FIXTURES, write_run
from tts_bench.analysis.compare import compare
from tts_bench.analysis.points import grid_points, points
from tts_bench.analysis.pool import pool, verdicts
from tts_bench.analysis.runs import read_run
from tts_bench.analysis.series import curve_of, pool_seeds, series_of
from tts_bench.analysis.votes import majority_at_k
from tts_bench.cli import main as root
from tts_bench.errors import UserError
from tts_bench.files import sha256_of
from tts_bench.present.report.verdicts import verdicts as reading
from tts_bench.records import READ, SCHEMA, Record, from_line, to_line


def test_lines_hold_what_the_curve_says_of_the_same_records(tmp_path: Path) -> None:
    records = [*made_up(("gsm8k", "math500"), n=40), failed(doc=40)]
    series, notes = series_of([read_run(write_run(tmp_path / "run", records))])
    assert notes == [f"{tmp_path / 'run'}: baseline has errors only on gsm8k and is in no number."]
    found = {(p.task, p.strategy, p.rung): p for p in curve_of(series)}
    curve = points(records, metrics=dict.fromkeys(("gsm8k", "math500"), "exact_match"))
    for point in (point for point in curve if point.n):
        mine = found[point.task, point.strategy.partition(":")[0], point.rung]
        for name in (
            "accuracy",
            "generated",
            "sequential",
            "prompt",
            "forced",
            "flops",
            "truncated",
            "no_answer",
            "cues",
        ):
            assert getattr(mine, name) == pytest.approx(getattr(point, name)), name
        assert (mine.low, mine.high, mine.n) == pytest.approx((point.low, point.high, point.n))


@pytest.mark.parametrize("schema", [1, 2, 3, 4])
def test_every_schema_that_was_ever_written_is_read(schema: int) -> None:
    run = read_run(FIXTURES / f"run-schema-{schema}")
    assert {line.rungs for line in run.grids["gsm8k"].values()} == {("16", "32"), ("x0", "x1", "x2"), ("1", "2", "3")}
    vote = run.grids["gsm8k"]["majority-vote:samples=3,budget=none"]
    assert (vote.votes is None) == (schema < 3)  # what a vote counted is believed where it is said
    assert vote.score[0, 0] == run.grids["gsm8k"]["baseline:budgets=16+32"].score[0, -1]


def test_this_version_writes_what_0_1_0_wrote_but_for_new_fields(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The built-in strategies, their texts, origins, costs and scores: a command of 0.1.0, given again."""
    monkeypatch.chdir(tmp_path)
    old = FIXTURES / "run-schema-3"
    _, *command = shlex.split(json.loads((old / "run.json").read_text())["command"])
    assert root._run([*command, "--out", "again"]) == 0
    written, before = (
        [json.loads(line) for line in (folder / "records.jsonl").read_text().splitlines()]
        for folder in (tmp_path / "again", old)
    )
    assert with_subset(written, [{**record, "schema": SCHEMA} for record in before])


def with_subset(whole: object, part: object) -> bool:
    """Whether `whole` has all of `part`, and more only as fields of objects."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(name in whole and with_subset(whole[name], part[name]) for name in part)
    if isinstance(part, list):
        return isinstance(whole, list) and len(whole) == len(part) and all(map(with_subset, whole, part))
    return whole == part


def test_records_of_each_schema_are_written_as_they_were_read() -> None:
    for schema in READ:
        for line in (FIXTURES / f"run-schema-{schema}" / "records.jsonl").read_text().splitlines(keepends=True):
            assert from_line(line).schema == schema
            assert from_line(to_line(from_line(line))) == from_line(line)
            written = json.loads(to_line(from_line(line)))
            assert with_subset(written, json.loads(line))  # what a later schema adds is added, and nothing else
            assert schema < SCHEMA or to_line(from_line(line)) == line


def test_every_ballot_of_a_vote_is_scored_by_lm_eval_or_by_a_rung() -> None:
    votes = 0
    for line in (FIXTURES / "run-schema-3" / "records.jsonl").read_text().splitlines():
        found = from_line(line)
        voted = pool(found)
        ballots = [ballot.extracted for ballot in voted]
        if found.strategy.startswith("majority-vote"):
            votes += 1
            scores = verdicts(found, voted, "strict")
            assert len(ballots) == 3
            assert scores.keys() >= set(ballots)
            assert majority_at_k(ballots, scores)[0] == pytest.approx(sum(scores[name] for name in ballots) / 3)
        else:
            assert ballots == []
    assert votes == 3


def spoil(change: Callable[[list[str]], list[str]]) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        path = folder / "records.jsonl"
        path.write_text("".join(change(path.read_text().splitlines(keepends=True))))

    return write


def other(line: str, **fields: object) -> str:
    return json.dumps({**json.loads(line), **fields}) + "\n"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda lines: [*lines[:-1], lines[-1][:-40]], "records.jsonl, line 3: the last line is cut off"),
        (lambda lines: [lines[0], lines[1].replace("0.0", "NaN", 1), lines[2]], "line 2: Invalid JSON"),
        (lambda lines: [other(lines[0], schema=7)], "line 1: record schema is 7; this version reads 1 to 4"),
        (lambda lines: [lines[0], other(lines[1], mood="good")], "line 2: mood: Unexpected"),
        (lambda lines: [lines[0].replace('"doc_id":0', '"doc_id":"0"')], "line 1: doc_id: Input should be a valid int"),
        (lambda lines: [lines[0], lines[0]], "line 2: gsm8k/0 of 'baseline' is duplicated"),
        (lambda lines: [other(lines[0], strategy="guess")], "line 1: gsm8k/0 of 'guess' belongs to another run"),
        (lambda lines: [lines[0], other(lines[1], schema=1)], "line 2: gsm8k/1 of 'baseline' has schema 1"),
        (lambda lines: [other(lines[0], answers=[])], "line 1: gsm8k/0 of 'baseline' has neither answer nor error"),
        (lambda lines: [lines[0].replace("exact_match", "taste")], "line 1: gsm8k/0 of 'baseline' has no score"),
        (lambda lines: [lines[0], lines[1].replace('"rung":"0"', '"rung":"x"')], "2: gsm8k/1 of 'baseline' calls rung"),
        (lambda lines: [], "has no records. Repeat the run's command."),
        (lambda lines: ["[]\n"], "line 1: Input should be an object"),
    ],
)
def test_records_that_are_not_a_runs_are_refused_with_file_and_line(
    tmp_path: Path, change: Callable[[list[str]], list[str]], said: str
) -> None:
    folder = write_run(tmp_path / "run", [record(answer(float(doc % 2)), doc=doc) for doc in range(3)])
    spoil(change)(folder)
    with pytest.raises(UserError) as refused:
        read_run(folder)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    "broken",
    [
        record(doc=1),
        record(replace(answer(), scores={}), doc=1),
        record(answer(rung="x"), doc=1),
        record(replace(answer(), segments=(3,)), doc=1),
        record(answer()),
        replace(record(answer(), doc=1), schema=2),
    ],
)
def test_a_record_is_refused_in_the_same_words_from_a_file_and_from_memory(tmp_path: Path, broken: Record) -> None:
    records = [record(answer()), broken]
    with pytest.raises(ValueError, match="of 'baseline'") as in_memory:
        points(records, metrics={"gsm8k": "exact_match"})
    with pytest.raises(UserError, match=re.escape(f"line 2: {in_memory.value}. Repeat the run")):
        read_run(write_run(tmp_path / "run", records))


def test_records_that_are_no_longer_those_of_their_run_are_refused(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", [record(answer(float(doc % 2)), doc=doc) for doc in range(3)])
    path = folder / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"records_sha256": sha256_of(folder / "records.jsonl")}))
    assert read_run(folder).grids["gsm8k"]["baseline"].score.sum() == 1
    spoil(lambda lines: [lines[0].replace('"exact_match":0.0', '"exact_match":1.0'), *lines[1:]])(folder)
    with pytest.raises(UserError, match=r"records\.jsonl was changed after its run: its SHA-256 differs"):
        read_run(folder)


def test_other_folders_than_those_of_finished_runs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"has only errors: .*/records.jsonl, line 1: raised: ValueError: no\. Fix"):
        read_run(write_run(tmp_path / "errors", [failed()]))
    with pytest.raises(UserError, match=r"not finished \(running\)"):
        read_run(write_run(tmp_path / "running", [record(answer())], status="running"))
    with pytest.raises(UserError, match="is not a run folder"):
        read_run(tmp_path)
    whole = json.loads((tmp_path / "running" / "run.json").read_text())
    del whole["identity"]["data"], whole["metrics"]
    (tmp_path / "run.json").write_text(json.dumps(whole))
    with pytest.raises(UserError, match="it lacks data, metrics"):
        read_run(tmp_path)
    for broken in ({**whole, "engine": "hf"}, {**whole, "identity": {**whole["identity"], "sources": ["mine.py"]}}):
        broken |= {"status": "finished", "metrics": {}, "identity": {**broken["identity"], "data": {}}}
        (tmp_path / "run.json").write_text(json.dumps(broken))
        with pytest.raises(UserError, match=r"not a valid run header: (engine|identity\.sources): "):
            read_run(tmp_path)
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(UserError, match="not a valid run header"):
        read_run(tmp_path)


@pytest.mark.parametrize(
    ("identity", "said"),
    [
        ({"model": "b" * 64}, "differ in the model: aaaaaaaaaaaa, bbbbbbbbbbbb"),
        ({"thinking_format": {"name": "other"}}, 'differ in the thinking format: "think-tags", "other"'),
        ({"system": "Be brief."}, "differ in the system prompt"),
        ({"data": {"gsm8k": "e" * 64}}, "differ in the data of gsm8k"),
    ],
)
def test_what_cannot_be_compared_is_refused_unless_allowed_and_then_said(
    tmp_path: Path, identity: dict[str, Any], said: str
) -> None:
    runs = [
        read_run(write_run(tmp_path / "x", [record(answer())])),
        read_run(write_run(tmp_path / "y", [record(answer())], **identity)),
    ]
    with pytest.raises(UserError, match="--allow-different") as refused:
        series_of(runs)
    assert said in str(refused.value)
    series, notes = series_of(runs, allow_different=True)
    assert [one.name for one in series] == ["x/baseline", "y/baseline"]
    assert any(said in note for note in notes)


def test_what_is_advised_about_runs_that_differ_can_be_done_where_it_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ours = [write_run(tmp_path / name, [record(answer())], model=name * 64) for name in "xy"]
    more = {"export": ["--to", "latex"], "plot": ["--out", str(tmp_path / "a.svg")], "compare": []}
    for verb, words in more.items():
        assert root._run([verb, *map(str, ours), *words]) == 2
        said = capsys.readouterr().err
        assert "differ in the model: xxxxxxxxxxxx, yyyyyyyyyyyy." in said
        has = "--allow-different" in {word for part in root._command(verb).params for word in part.opts}
        assert ("--allow-different" in said) == has
    page = reading([read_run(run) for run in ours])["reading"]
    assert "differ in the model" in page
    assert "tts-bench compare has an option for such runs: --allow-different" in page
    with pytest.raises(UserError, match=r"load\(\.\.\., allow_different=True\) takes such runs"):
        tb.load(*ours)
    assert "differ in the model" in tb.load(*ours, allow_different=True).differences[0]


def test_other_prompts_are_refused(tmp_path: Path) -> None:
    prompt = from_line((FIXTURES / "run-schema-2" / "records.jsonl").read_text().splitlines()[0]).segments[0]
    good = replace(record(answer()), segments=(prompt,))
    bad = replace(good, segments=(replace(prompt, origin="other"),))
    runs = [read_run(write_run(tmp_path / name, [part])) for name, part in (("x", good), ("y", bad))]
    with pytest.raises(UserError, match="differ in the prompts of gsm8k"):
        series_of(runs)


def test_data_that_only_later_runs_have_are_compared_among_these(tmp_path: Path) -> None:
    def run(name: str, task: str, **identity: Any) -> Path:
        return write_run(tmp_path / name, [record(answer(), task=task)], **identity)

    runs = [run("a", "gsm8k"), run("b", "aime"), run("c", "aime", seed=1, data={"aime": "e" * 64})]
    with pytest.raises(UserError, match=r"/b and .*/c differ in the data of aime"):
        series_of([read_run(path) for path in runs])
    series, _ = series_of([read_run(path) for path in runs], allow_different=True)
    assert [(one.name, list(one.grids)) for one in series] == [
        ("a/baseline", ["gsm8k", "aime"]),
        ("c/baseline", ["aime"]),
    ]


def test_no_two_series_have_one_name_whatever_folders_and_labels_are_called(tmp_path: Path) -> None:
    def run(place: str, right: float, strategy: str = "baseline", **identity: Any) -> Path:
        records = [record(answer(right), doc=doc, strategy=strategy) for doc in range(8)]
        return write_run(tmp_path / place, records, **identity)

    alike = (run("here/x", 1.0, engine="one"), run("there/x", 0.0, engine="other"))  # two runs with one folder's name
    other = (run("a", 1.0, "mine:n=1"), run("b", 0.0, "mine:n=2", seed=1))  # n=1 was the default once, and n=2 is now
    for runs, names in (
        (alike, [f"{path}/baseline" for path in alike]),
        (other, ["mine:n=1", "mine:n=2"]),
    ):
        series, _ = series_of([read_run(path) for path in runs])
        assert [one.name for one in series] == names
        assert [said.difference for said in compare(series, resamples=1000).statements] == [-1.0]


def test_runs_that_differ_in_the_seed_are_averaged_and_twice_the_same_seed_is_refused(tmp_path: Path) -> None:
    def run(name: str, seed: int, right: float) -> Path:
        return write_run(tmp_path / name, [record(answer(right), doc=doc) for doc in range(4)], seed=seed)

    runs = [read_run(run("a", 0, 1.0)), read_run(run("b", 1, 0.0)), read_run(run("c", 1, 0.0))]
    [one], notes = series_of(runs[:2])
    assert (one.grids["gsm8k"].score.tolist(), one.grids["gsm8k"].seeds, notes) == ([[0.5]] * 4, 2, [])
    with pytest.raises(UserError, match="with seed 1: give one of them"):
        series_of(runs)


def test_where_one_seed_has_no_expectation_over_votes_none_of_the_pooled_numbers_is_one() -> None:
    grids = [grid for of_task in read_run(FIXTURES / "run-schema-4").grids.values() for grid in of_task.values()]
    grid = next(grid for grid in grids if grid.votes is not None)
    assert grid.votes is not None
    pooled = pool_seeds([replace(grid, votes=grid.votes + 0.25, failed=()), replace(grid, votes=None, failed=())])
    for point in grid_points("vote", pooled, expected=True):
        assert point.overall == pytest.approx(point.accuracy)
        assert point.between == 0.0


def test_repeats_of_a_document_are_averaged_and_the_last_rung_of_a_shorter_one_goes_on(tmp_path: Path) -> None:
    long = [record(answer(0.0, rung="a"), answer(1.0, rung="b", thinking=300), doc=doc) for doc in (3, 1)]
    short = replace(record(answer(1.0, rung="a"), doc=3), repeat=1)
    gone = [record(answer(rung="a"), doc=2), replace(failed(doc=2), repeat=1)]
    line = read_run(write_run(tmp_path / "run", [*long, *gone, short])).grids["gsm8k"]["baseline"]
    assert (line.documents, line.rungs, line.failed, line.votes) == ((1, 3), ("a", "b"), (2,), None)
    assert line.score.tolist() == [[0.0, 1.0], [0.5, 1.0]]
    assert line.values["generated"].tolist() == [[113.0, 313.0], [113.0, 213.0]]
