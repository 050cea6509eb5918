"""What is trained on: the rows of the task that was asked for, none of which is tested afterwards."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from tts_bench.errors import UserError
from tts_bench.learning.problems import load
from tts_bench.tasks.hooks import gold

SUBJECTS = (
    *("Algebra", "Counting & Probability", "Geometry", "Intermediate Algebra"),
    *("Number Theory", "Prealgebra", "Precalculus"),
)

ASKED_ANEW = """
task: asked_anew
output_type: generate_until
custom_dataset: !function tts_bench.tasks.hooks.dataset_of_file
dataset_kwargs:
  file: rows.jsonl
test_split: test
doc_to_text: "In other words: {{problem}}"
doc_to_target: answer
metric_list:
  - metric: exact_match
"""


def write_math(folder: Path, train: Sequence[str] = SUBJECTS, each: int = 3) -> Path:
    """A data folder with MATH's splits, their subjects in turn; the answer to every problem is its own number."""
    for split, subjects, first in (("train", train, 1000), ("test", SUBJECTS, 0)):
        path = folder / "math" / f"{split}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = [
            {"problem": f"What is {number}?", "solution": f"\\boxed{{{number}}}", "level": "Level 1", "type": subject}
            for number, subject in enumerate(list(subjects) * each, first)
        ]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


@pytest.mark.parametrize(
    ("task", "numbers"),
    [
        ("hendrycks_math_counting_and_probability", [1001, 1008, 1015]),
        ("hendrycks_math_algebra", [1000, 1007, 1014]),
        ("hendrycks_math", list(range(1000, 1021))),
    ],
)
def test_a_subject_is_trained_on_its_own_rows_and_judged_by_their_answers(
    tmp_path: Path, task: str, numbers: list[int]
) -> None:
    found = load(task, 1, write_math(tmp_path))
    items = [*found.training, *found.held_out]
    assert sorted(int(gold(dict(found.rows[item.doc_id]))) for item in items) == numbers
    assert all(f"What is {gold(dict(found.rows[item.doc_id]))}?" in item.prompt for item in items)


def test_a_subject_without_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no row whose 'type' is 'Geometry'.*--task hendrycks_math\.$"):
        load("hendrycks_math_geometry", 1, write_math(tmp_path, train=["Algebra"]))


def test_training_rows_that_are_tested_by_another_task_are_refused_however_it_words_them(tmp_path: Path) -> None:
    write_math(tmp_path)
    task = tmp_path / "asked_anew.yaml"
    row = {"problem": "What is  1003?", "answer": "1003"}
    (tmp_path / "rows.jsonl").write_text(json.dumps(row) + "\n")
    task.write_text(ASKED_ANEW)
    with pytest.raises(
        UserError, match=r"^1 training rows of hendrycks_math .*--test-task .*asked_anew.yaml; the first"
    ):
        load("hendrycks_math", 1, tmp_path, str(task))
    assert len(load("hendrycks_math", 1, tmp_path, "math500").rows) == 21
