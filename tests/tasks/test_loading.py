"""lm-eval itself runs the tasks and scores them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import datasets
import pytest
from lm_eval.evaluator import evaluate
from lm_eval.tasks import TaskManager

from tests.tasks.samples import ROWS, Saying, write
from tts_bench.errors import UserError
from tts_bench.tasks import FOLDER
from tts_bench.tasks.catalog import describe, names
from tts_bench.tasks.hooks import INSTRUCTION, gold, solution
from tts_bench.tasks.loading import load


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TTS_BENCH_DATA", raising=False)


@pytest.fixture(scope="module")
def _indexed_once() -> Iterator[None]:
    """lm-eval reads all its thousands of files for each index of its own tasks."""
    whole = cache(TaskManager)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tts_bench.tasks.loading.TaskManager", lambda **some: TaskManager(**some) if some else whole())
        yield


def wrong(row: dict[str, Any]) -> str:
    return rf"\boxed{{{gold(row)}}} is not it, but \boxed{{1789}}"


def run(model: Saying, tasks: dict[str, Any], **options: object) -> dict[str, Any]:
    results = evaluate(model, tasks, bootstrap_iters=0, **options)
    assert results is not None
    return dict(results)


@pytest.mark.parametrize("name", names())
def test_gold_solutions_score_one_and_wrong_ones_nought_in_lm_eval(name: str, tmp_path: Path) -> None:
    loaded = load([name], write(tmp_path))
    for reply, expected in ((solution, 1.0), (wrong, 0.0)):
        results = run(Saying(reply), loaded.task_dict)["results"]
        for each in {name, *loaded.tasks}:
            assert results[each]["strict,none"] == results[each]["lenient,none"] == expected


def test_a_group_is_flattened_and_scored_as_the_mean_over_its_rows(tmp_path: Path) -> None:
    loaded = load(["hendrycks_math"], write(tmp_path))
    assert tuple(loaded.tasks) == describe("hendrycks_math").subtasks
    results = run(Saying(lambda row: solution(row) if row["type"] == "Algebra" else ""), loaded.task_dict)
    assert results["results"]["hendrycks_math"]["strict,none"] == pytest.approx(1 / 7)


def test_the_prompt_is_the_problem_and_the_boxed_instruction_and_holds_no_answer(tmp_path: Path) -> None:
    model = Saying(solution)
    run(model, load(["aime25"], write(tmp_path)).task_dict)
    assert [request.args[0] for request in model.asked] == [f"Problem {n}\n{INSTRUCTION}" for n in (2, 4)]
    assert model.asked[0].args[1]["until"] == []


def test_limit_samples_and_repeats_work(tmp_path: Path) -> None:
    loaded = load(["math500"], write(tmp_path))
    model = Saying(solution)
    assert run(model, loaded.task_dict, limit=1)["n-samples"]["math500"]["effective"] == 1
    samples = run(model, loaded.task_dict, samples={"math500": [2, 0]})["samples"]["math500"]
    assert len(samples) == 2
    task = loaded.tasks["math500"].task
    task.set_config("repeats", 4)
    replies = iter([rf"\boxed{{{answer}}}" for answer in (r"\frac{1}{2}", "0.5", "7", "8") * 3])
    result = run(Saying(lambda row: next(replies)), loaded.task_dict)["samples"]["math500"]
    assert [sample["strict"] for sample in result] == [0.5, 0.0, 0.0]


def test_what_the_harness_needs_stands_beside_each_task(tmp_path: Path) -> None:
    folder = write(tmp_path)
    loaded = load(["gsm8k", "math500"], folder)
    task = loaded.tasks["gsm8k"]
    assert (task.name, task.metrics, task.filter) == ("gsm8k", ("strict", "lenient"), "none")
    assert task.source == str(folder / "gsm8k" / "test.jsonl")
    assert len(task.sha256) == 64
    assert task.extract(r"\boxed{1,200.0}") == "1200"
    assert list(task.task.eval_docs) == ROWS["gsm8k"]


def test_shipped_tasks_load_without_a_data_folder() -> None:
    loaded = load(["gsm8k"])
    assert (loaded.tasks["gsm8k"].source, len(loaded.tasks["gsm8k"].task.eval_docs)) == ("shipped", 1319)


def test_the_folder_of_tasks_works_for_lm_eval_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TTS_BENCH_DATA", str(write(tmp_path)))
    tasks = TaskManager(include_path=FOLDER, include_defaults=False).load(["gsm8k", "hendrycks_math"])
    assert run(Saying(solution), dict(tasks))["results"]["gsm8k"]["strict,none"] == 1.0


def test_every_task_of_the_catalog_has_its_yaml_and_no_other() -> None:
    known = {name for task in names() for name in (task, *describe(task).subtasks)}
    assert set(TaskManager(include_path=FOLDER, include_defaults=False).all_tasks) == known


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        (["gsm9k"], "Did you mean 'gsm8k'"),
        ([], "No task is named"),
        (["gsm8k", "gsm8k"], "named twice"),
        (["hendrycks_math", "hendrycks_math_algebra"], "Name each task once"),
    ],
)
def test_unknown_and_repeated_tasks_are_refused(wanted: list[str], says: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=says):
        load(wanted, write(tmp_path))


def test_a_data_error_reaches_the_user_through_lm_eval(tmp_path: Path) -> None:
    file = write(tmp_path) / "math" / "test.jsonl"
    file.write_text("\n".join(file.read_text().splitlines()[:4]))
    with pytest.raises(UserError, match="no row whose 'type' is geometry"):
        load(["hendrycks_math"], tmp_path)


@pytest.mark.slow
@pytest.mark.usefixtures("_indexed_once")
@pytest.mark.xdist_group("lm-eval-index")
def test_tasks_of_lm_eval_run_by_their_prefixed_name(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = datasets.DatasetDict({split: datasets.Dataset.from_list(ROWS["gsm8k"]) for split in ("train", "test")})
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: parts)
    loaded = load(["gsm8k", "lm_eval/gsm8k_cot_zeroshot", "lm_eval/gsm8k"])
    assert list(loaded.tasks) == ["gsm8k", "lm_eval/gsm8k_cot_zeroshot", "lm_eval/gsm8k"]
    theirs = loaded.tasks["lm_eval/gsm8k_cot_zeroshot"]
    assert (theirs.metrics, theirs.filter, theirs.source) == (("exact_match",), "strict-match", "openai/gsm8k/main")
    assert theirs.extract("So. The answer is 12.") == "12"
    assert theirs.extract("So. The answer is 1,012.") == theirs.extract("So. The answer is 1012.") == "1012"
    assert theirs.extract("Who knows") is None
    task_dict = {"tasks": {theirs.name: theirs.task}}
    results = run(Saying(lambda row: f"The answer is {gold(row)}."), task_dict)["results"]
    assert results[theirs.name]["exact_match,strict-match"] == 1.0


@pytest.mark.slow
@pytest.mark.usefixtures("_indexed_once")
@pytest.mark.xdist_group("lm-eval-index")
def test_groups_of_lm_eval_keep_their_prefix_and_their_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = datasets.DatasetDict({split: datasets.Dataset.from_list(ROWS["math"]) for split in ("train", "test")})
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: parts)
    loaded = load(["lm_eval/hendrycks_math"])
    assert len(loaded.tasks) == 7
    assert "lm_eval/hendrycks_math_algebra" in loaded.tasks
    results = run(Saying(lambda row: f"It is ${row['answer']}$"), loaded.task_dict)["results"]
    assert results["lm_eval/hendrycks_math"]["exact_match,none"] == 1.0


@pytest.mark.slow
@pytest.mark.usefixtures("_indexed_once")
@pytest.mark.xdist_group("lm-eval-index")
def test_a_task_of_lm_eval_that_is_unknown_or_generates_no_text_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    row = {"question": "Q", "support": "S", "correct_answer": "a"} | {f"distractor{n}": str(n) for n in (1, 2, 3)}
    splits = ("train", "validation", "test")
    parts = datasets.DatasetDict({split: datasets.Dataset.from_list([row]) for split in splits})
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: parts)
    with pytest.raises(UserError, match="expected a generate_until task"):
        load(["lm_eval/sciq"])
    with pytest.raises(UserError, match="Did you mean 'sciq'"):
        load(["lm_eval/scjq"])


def test_scoring_a_rung_of_gsm8k_costs_below_half_a_second() -> None:
    loaded = load(["gsm8k"])
    model = Saying(solution)
    run(model, loaded.task_dict)
    best = min(_cpu_seconds(model, loaded.task_dict) for _ in range(3))
    assert best < 0.5


def _cpu_seconds(model: Saying, tasks: dict[str, Any]) -> float:
    started = time.process_time()
    run(model, tasks)
    return time.process_time() - started
