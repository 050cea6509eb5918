"""Claims about tasks that others wrote: whatever their metrics are, a run either scores them or is refused at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.runs.samples import execute
from tts_bench.config import ModelConfig, RunConfig
from tts_bench.errors import UserError
from tts_bench.records import Record
from tts_bench.runs.folder import RunFolder
from tts_bench.runs.run import Run, prepare

COUNT = 3
HEAD = """\
task: mine
custom_dataset: !function tts_bench.tasks.hooks.dataset_of_file
dataset_kwargs: {file: problems.jsonl}
test_split: test
output_type: generate_until
num_fewshot: 0
doc_to_text: question
doc_to_target: answer
generation_kwargs: {until: [], do_sample: false}
"""
MIXED = """\
process_results: !function mine.mixed
metric_list:
  - {metric: whole, aggregation: mean}
  - {metric: each, aggregation: !function mine.of_each}
  - {metric: said, aggregation: !function mine.count}
  - {metric: gap, aggregation: nanmean}
"""
CORPUS = "metric_list:\n  - {metric: chrf, aggregation: chrf}\n"
BESIDE = """\
metric_list:
  - {metric: exact_match, aggregation: mean}
  - {metric: chrf, aggregation: chrf}
"""
FILTERED = """\
process_results: !function mine.filtered
filter_list: [{name: cut, filter: [{function: custom, filter_fn: !function mine.cut}]}]
metric_list: [{metric: whole, aggregation: mean}]
"""
FAILING = """\
process_results: !function mine.failing
metric_list: [{metric: whole, aggregation: mean}]
"""
CODE = """
import math

def mixed(doc, results):
    whole = "5" in results[0]
    return {"whole": whole, "each": [whole, True], "said": results[0], "gap": math.nan}

def of_each(items):
    return sum(sum(item) for item in items) / sum(map(len, items))

count = len

def cut(responses, docs):
    return [{"text": texts[0]} for texts in responses]

def filtered(doc, results):
    return {"whole": float("5" in results[0]["text"])}

def failing(doc, results):
    if results[0]:
        raise LookupError("no judge\\nanswers")
    return {"whole": 0.0}
"""
# A vote of every second repeat, whose samples differ; the others fail.
VOTE = """
from dataclasses import dataclass

@dataclass(frozen=True)
class Vote:
    async def solve(self, problem, reasoner):
        if problem.id.endswith("#1"):
            raise LookupError("no luck")
        branches = [reasoner.branch(str(index)) for index in range(8)]
        answers = [await branch.answer(await branch.think()) for branch in branches]
        for count in range(1, 9):
            yield reasoner.vote(answers[:count])
"""


class Told:
    """What a run says of its progress."""

    def __init__(self) -> None:
        self.verdicts: list[float | None] = []

    def stage(self, text: str) -> None:
        pass

    def problem_done(self) -> None:
        pass

    def answered(self, strategy: str, correct: float | None, record: Record) -> None:
        self.verdicts.append(correct)

    def tokens(self, n: int) -> None:
        pass


def prepared(folder: Path, more: str, *strategies: str) -> Run:
    """A run of the task that `HEAD` and `more` make, which is ready."""
    rows = [{"question": f"What is {n} and {n + 3}?", "answer": f"#### {2 * n + 3}"} for n in range(1, COUNT + 1)]
    (folder / "problems.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "mine.yaml").write_text(HEAD + more)
    (folder / "mine.py").write_text(CODE)
    model = ModelConfig("adder", "scripted")
    return prepare(RunConfig(model, (str(folder / "mine.yaml"),), strategies or ("baseline",)), folder / "run")


def scores(run: Run) -> list[dict[str, float]]:
    return [answer.scores for record in RunFolder(run.folder.path).records() for answer in record.answers]


def test_a_list_of_verdicts_is_scored_by_its_mean_and_what_is_no_number_by_lm_eval_alone(tmp_path: Path) -> None:
    run = prepared(tmp_path, MIXED)
    outcome = execute(run)
    assert not outcome.errors
    found = scores(run)
    assert len(found) == COUNT
    for one in found:
        assert set(one) == {"whole", "each"}
        assert one["each"] == (one["whole"] + 1) / 2
    assert {one["whole"] for one in found} == {0.0, 1.0}
    [file] = (run.folder.path / "lm_eval").rglob("results.json")
    results = json.loads(file.read_text())["results"]["mine"]
    assert results["each,none"] == pytest.approx(sum(one["each"] for one in found) / COUNT)


def test_a_metric_of_the_whole_corpus_is_refused_as_the_main_one_before_anything_is_generated(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"'mine' gives document 0 no number by its main metric, chrf: .*Take a task"):
        prepared(tmp_path, CORPUS)
    assert not (tmp_path / "run").exists()
    assert not (tmp_path / "generations.sqlite").exists()


def test_a_metric_of_the_whole_corpus_beside_another_is_left_to_lm_eval(tmp_path: Path) -> None:
    run = prepared(tmp_path, BESIDE)
    execute(run)
    assert [set(one) for one in scores(run)] == [{"exact_match"}] * COUNT


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("unsafe_code: true\n", r"runs code that the model writes \(unsafe_code\)"),
        ("doc_to_image: !function mine.count\n", "shows the model pictures or sound"),
    ],
)
def test_a_task_that_lm_eval_would_refuse_in_the_midst_of_a_run_is_refused_at_once(
    tmp_path: Path, more: str, says: str
) -> None:
    with pytest.raises(UserError, match=rf"The task 'mine' {says}.*; expected a generate_until task, such as lm_eval/"):
        prepared(tmp_path, BESIDE + more)


def test_a_scorer_that_reads_only_what_its_filter_gives_ends_no_run_for_the_sake_of_its_progress(
    tmp_path: Path,
) -> None:
    run, told = prepared(tmp_path, FILTERED), Told()
    assert not run.execute(told).errors
    assert told.verdicts == [None] * COUNT
    assert {one["whole"] for one in scores(run)} == {0.0, 1.0}


def test_a_task_whose_code_fails_on_an_answer_is_one_message(tmp_path: Path) -> None:
    run = prepared(tmp_path, FAILING)
    with pytest.raises(UserError, match=r"lm-eval cannot score mine: LookupError: no judge answers\. Correct the task"):
        run.execute(Told())


def test_a_vote_of_whose_document_one_repeat_fails_is_an_error_and_ends_no_run(tmp_path: Path) -> None:
    (tmp_path / "vote.py").write_text(VOTE)
    run = prepared(tmp_path, BESIDE + "repeats: 2\n", f"{tmp_path / 'vote.py'}:Vote")
    outcome = execute(run)
    assert len(outcome.errors) == 2 * COUNT
    kinds = [(record.repeat, record.error and record.error.kind) for record in outcome.errors]
    assert kinds == [(0, "nothing"), (1, "raised")] * COUNT
