"""Claims about a pool of the project's own samples: everything comes out as in the run that they were taken from."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from lm_eval import utils
from lm_eval.loggers import EvaluationTracker

import tts_bench as tb
from tests.pools import recorded
from tts_bench.api import Cost
from tts_bench.cli.main import _run
from tts_bench.pools.file import Pool
from tts_bench.present import hub
from tts_bench.present.results import Results
from tts_bench.tasks.data import load_rows

POOL = [
    "baseline", "majority-vote:samples=8", "short-m-at-k:m=3,k=8", "first-finish:n=8", "adaptive-consistency:cap=8",
    "esc:cap=8,window=4", "rejection-sampling:limit=1000,tries=8",
]  # fmt: skip
PLAYED = [word for name in POOL for word in ("--strategy", name)]


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """A run of the pocket model, hot enough to err. It puts nothing into traces: a pool has only what was sampled."""
    out = tmp_path_factory.mktemp("own") / "run"
    return tb.run(model="pocket", strategies=POOL, limit=12, temperature=1.2, answer_suffix="", out=out, quiet=True)


def imported(file: Path, *more: str) -> Path:
    out = file.with_suffix("")
    said = ["import", str(file), "--task", "pocket_arithmetic", "--model", "pocket", "--out", str(out)]
    assert _run([*said, *PLAYED, *more]) == 0
    return out


@pytest.fixture(scope="module")
def again(own: Results, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return imported(recorded.plain(own.folders[0], tmp_path_factory.mktemp("again") / "pool.jsonl"))


def said(folder: Path) -> dict[tuple[str, str], Any]:
    """What every answer of every record says, scores and costs, but for its prompt, which the pool does not have."""
    found = {}
    for record in recorded.records(folder):
        assert record.error is None, record.error
        found[record.problem, record.strategy] = [
            (answer.rung, answer.extracted, answer.scores, answer.ballots, answer.truncated, *billed(answer.cost))
            for answer in record.answers
        ]
    return found


def billed(cost: Cost) -> tuple[int, ...]:
    return cost.thinking, cost.answer, cost.forced, cost.discarded, cost.sequential


def test_a_pool_of_own_samples_gives_the_answers_scores_votes_and_bills_of_its_run(own: Results, again: Path) -> None:
    assert said(again) == said(own.folders[0])
    scores = {tuple(map(tuple, (answer[2].items() for answer in answers))) for answers in said(again).values()}
    assert len(scores) > 1, "nothing erred: equal scores would say little"


def test_it_gives_the_curve_and_the_comparisons_of_its_run(own: Results, again: Path) -> None:
    mine, theirs = own.compare(), tb.load(again).compare()
    assert [asdict(one) for one in mine.statements] == [asdict(one) for one in theirs.statements]
    keys = ("strategy", "rung", "accuracy", "generated")
    lines = [json.loads((folder / "curve.json").read_text())["points"] for folder in (own.folders[0], again)]
    assert [[point[key] for key in keys] for point in lines[0]] == [[point[key] for key in keys] for point in lines[1]]


def test_in_lm_evals_format_a_tokenizer_counts_and_scores_and_votes_are_the_same(own: Results, tmp_path: Path) -> None:
    questions = [row["question"] for row in load_rows("pocket_arithmetic").rows]
    file = recorded.lm_eval(own.folders[0], tmp_path / "samples_pocket.jsonl", questions)
    out = imported(file, "--tokenizer", "pocket")
    mine, theirs = said(own.folders[0]), said(out)
    vote, ends = "majority-vote:samples=8,budget=none", 1  # the end of turn, which a text does not show
    for (problem, strategy), answers in theirs.items():
        if strategy not in ("baseline:budgets=", vote):
            continue
        for count, (one, other) in enumerate(zip(mine[problem, strategy], answers, strict=True), 1):
            assert one[:5] == other[:5]
            assert one[6] - other[6] == ends * count
            assert one[5] == other[5]


def test_an_exported_log_of_inspect_is_imported_with_the_thoughts_and_scores_of_its_run(
    own: Results, tmp_path: Path
) -> None:
    assert _run(["export", str(own.folders[0]), "--to", "inspect", "--out", str(tmp_path / "logs")]) == 0
    [log] = (tmp_path / "logs").glob("pocket_arithmetic-baseline-full*.json")
    said = ["import", str(log), "--task", "pocket_arithmetic", "--model", "pocket", "--out", str(tmp_path / "again")]
    assert _run(said) == 0
    mine = [record for record in recorded.records(own.folders[0]) if record.strategy.startswith("baseline")]
    theirs = recorded.records(tmp_path / "again")
    assert [[one.answers[0].scores, one.answers[0].cost.thinking] for one in theirs] == [
        [one.answers[0].scores, one.answers[0].cost.thinking] for one in mine
    ]
    thought = [[segment.text for segment in one.segments if segment.kind == "thinking"] for one in theirs]
    assert thought == [[segment.text for segment in one.segments if segment.kind == "thinking"] for one in mine]
    verdicts = Pool(tmp_path / "again" / "pool.sqlite").verdicts()
    assert list(verdicts.values()) == [one.answers[0].scores["strict"] for one in mine]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ([], "--out is missing"),
        (["--out", "{there}"], "is there already"),
        (["{run}", "--out", "x"], "one run at a time"),
    ],
)
def test_logs_of_inspect_are_written_into_a_new_folder_or_not_at_all(
    more: list[str], message: str, own: Results, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = str(own.folders[0])
    assert _run(["export", run, "--to", "inspect", *(word.format(run=run, there=tmp_path) for word in more)]) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_what_was_imported_is_said_in_the_header_of_the_run(again: Path) -> None:
    header = json.loads((again / "run.json").read_text())
    assert header["model"]["source"].startswith("imported from pool.jsonl (JSON Lines, sha256 ")
    assert any("not generated by tts-bench" in note for note in header["model"]["notes"])
    assert header["engine"]["name"] == "replay"


def test_neither_imported_outputs_nor_what_quotes_them_is_pushed(own: Results, again: Path) -> None:
    assert [str(path) for path in hub.parcel(again).files] == ["run.json", "curve.json", "curve.png", "curve.svg"]
    assert {"records.jsonl", "curve.json"} <= {str(path) for path in hub.parcel(own.folders[0]).files}


def test_a_comparison_says_which_outputs_were_imported(own: Results, again: Path) -> None:
    assert tb.load(again).differences == [f"{again}: its outputs were imported, not generated by tts-bench."]
    assert own.differences == []


def test_files_exported_for_lm_eval_are_lm_evals_own_and_imported_with_the_scores_of_their_run(
    own: Results, tmp_path: Path
) -> None:
    folder, task = own.folders[0], "pocket_arithmetic"
    assert _run(["export", str(folder), "--to", "lm-eval", "--out", str(tmp_path / "out")]) == 0
    for strategy, rung in (("baseline", "full"), ("majority-vote", "8")):
        [place] = (tmp_path / "out").glob(f"pocket-{strategy}*-{rung}*")
        [samples] = place.glob("samples_*.jsonl")
        assert utils.get_file_task_name(samples.name) == task
        [raw] = (folder / "lm_eval").glob(f"{strategy}*/{rung}*/samples_{task}.jsonl")
        tracker = EvaluationTracker(output_path=str(tmp_path / "theirs"))
        tracker.general_config_tracker.model_name_sanitized = strategy
        tracker.date_id = "now"
        tracker.save_results_samples(task, [json.loads(line) for line in raw.read_text().splitlines()])
        assert samples.read_bytes() == (tmp_path / "theirs" / strategy / f"samples_{task}_now.jsonl").read_bytes()
        [results] = place.glob("results_*.json")
        assert json.loads(results.read_text())["results"][task]["sample_len"] == 12
        out = tmp_path / strategy
        said = ["import", str(samples), "--task", task, "--model", "pocket", "--tokenizer", "pocket", "--out", str(out)]
        assert _run(said) == 0
        mine = [record for record in recorded.records(folder) if record.strategy.startswith(strategy)]
        assert [record.answers[-1].scores for record in recorded.records(out)] == [
            record.answers[-1].scores for record in mine
        ]
