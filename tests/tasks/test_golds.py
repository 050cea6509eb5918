"""The gold answers of rows are read right, also where a solution has several boxes, and rows without one are refused.

`math_golds.jsonl` holds rows of MATH (Hendrycks et al., MIT licence, tasks/LICENSE.math500), with their place in the
data folder's file counted from 0.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.tasks.corpus import read
from tests.tasks.samples import ROWS, write
from tts_bench.errors import UserError
from tts_bench.tasks.check import check
from tts_bench.tasks.data import load_file, load_rows
from tts_bench.tasks.golds import CORRECTIONS, answers, correction
from tts_bench.tasks.hooks import gold, score, solution

MATH = {row.pop("row"): row for row in read("math_golds.jsonl")}
ALL = ["test 414", "test 2152", "test 2549", "test 2656", "test 2703", "test 4559", "test 4562", "test 4860"]
ANY = ["test 333", "test 2716", "test 2912", "test 2936"]
BOX = re.compile(r"\\boxed\{\s*((?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*)\}")


def boxed(row: dict[str, Any]) -> list[str]:
    """Contents of all boxes of a solution, by an expression that has nothing in common with the scorer's reader."""
    return BOX.findall(row["solution"])


def shares(row: dict[str, Any], answer: str) -> set[float]:
    return set(score(row, [rf"Hence the answer is $\boxed{{{answer}}}$."]).values())


@pytest.mark.parametrize("place", ALL)
def test_all_parts_of_an_answer_are_needed_in_any_order(place: str) -> None:
    row = MATH[place]
    parts = boxed(row)
    assert len(parts) > 1
    assert shares(row, ", ".join(parts)) == {1.0}
    assert shares(row, r" \text{ and } ".join(reversed(parts))) == {1.0}
    for part in parts:
        assert shares(row, part) == {0.0}, part
    assert shares(row, ", ".join([*parts, "17"])) == {0.0}


@pytest.mark.parametrize("place", ANY)
def test_any_of_the_accepted_answers_is_right(place: str) -> None:
    row = MATH[place]
    accepted = boxed(row)
    assert len(accepted) == 2
    assert all(shares(row, answer) == {1.0} for answer in accepted)
    assert shares(row, r"\left(\tfrac12, 17\right)") == shares(row, "17") == {0.0}


def test_a_box_that_is_part_of_the_problem_is_no_gold_answer() -> None:
    row = MATH["test 4060"]
    assert boxed(row)[-1] == "12"  # the number of divisors of 12 is written as 12 in a box, and is 6
    assert (shares(row, "6"), shares(row, "12")) == ({1.0}, {0.0})


def test_every_correction_is_found_by_its_problem_and_says_why() -> None:
    assert {known.row for known in CORRECTIONS.values()} == set(MATH)
    for place, row in MATH.items():
        known = correction(row)
        assert known is not None, place
        assert known.row == place
        assert answers(row) == known.answers
        assert known.why
        assert set(score(row, [solution(row)]).values()) == {1.0}, place
        assert all(shares(row, answer) == {1.0} for answer in known.answers)


def test_a_correction_holds_for_its_problem_alone_and_for_no_data_with_answers() -> None:
    row = MATH["test 414"]
    assert correction({**row, "problem": row["problem"] + " "}) is None
    assert answers({**row, "answer": "5"}) == ("5",)


def test_the_rows_of_math_with_several_boxes_pass_the_check(tmp_path: Path) -> None:
    rows = [row for place, row in MATH.items() if place.startswith("test")]
    subjects = {row["type"] for row in rows}
    write(tmp_path, {"math": rows + [row for row in ROWS["math"] if row["type"] not in subjects]})
    report = check(["hendrycks_math"], tmp_path)
    assert [failure for task in report.tasks for failure in task.failures] == []
    assert sum(task.right for task in report.tasks) == len(rows) + 2 * (7 - len(subjects))


@pytest.mark.parametrize("empty", ["", "  ", r"\,", "$$", r"\text{ }"])
def test_a_row_whose_gold_answer_is_empty_is_refused_with_file_and_line(tmp_path: Path, empty: str) -> None:
    bad = {
        "gsm8k": {"question": "What?", "answer": f"Nothing.\n#### {empty}"},
        "math500": {**ROWS["math500"][0], "problem": "What?", "unique_id": "new", "answer": empty},
        "math": {**ROWS["math"][0], "problem": "What?", "solution": rf"It is $\boxed{{{empty}}}$."},
        "aime25": {"id": "9", "problem": "What?", "answer": empty},
    }
    write(tmp_path, {name: [*ROWS[name], row] for name, row in bad.items()})
    for name in bad:
        file = tmp_path / name / "test.jsonl"
        task = "hendrycks_math" if name == "math" else name
        with pytest.raises(UserError, match=r"the gold answer in column '(answer|solution)' is empty") as error:
            load_rows(task, data_dir=tmp_path)
        assert f"{file}, line {len(ROWS[name]) + 1}:" in str(error.value)
    (own := tmp_path / "own.jsonl").write_text(json.dumps({"question": "What?", "answer": empty}))
    with pytest.raises(UserError, match=r"own\.jsonl, line 1: the gold answer in column 'answer' is empty"):
        load_file(own)


@pytest.mark.parametrize("asked", ["question", "problem"])
@pytest.mark.parametrize(
    ("answer", "right", "wrong"),
    [
        (18, "18", "17"),
        (-3, "-3", "3"),
        (0, "0", "1"),
        (2.5, r"\frac{5}{2}", "2"),
        ("18", "18.0", "81"),
        ("east", r"\text{East}", "west"),
        (r"\frac{x}{2}", "x/2", "2x"),
        ("nine and nine are\n#### 18", "18", "9"),
    ],
)
def test_an_answer_of_a_task_file_may_be_a_plain_number_or_string(
    tmp_path: Path, asked: str, answer: object, right: str, wrong: str
) -> None:
    file = tmp_path / "problems.jsonl"
    file.write_text(json.dumps({asked: "What?", "answer": answer}) + "\n")
    if asked == "problem" and "####" in str(answer):
        return
    (row,) = load_file(file).rows
    assert gold(row) == str(answer).rpartition("#### ")[2]
    assert set(score(row, [solution(row)]).values()) == {1.0}
    assert (shares(row, right), shares(row, wrong)) == ({1.0}, {0.0})
    assert score(row, [f"So it is ${right}$."]) == {"strict": 0.0, "lenient": 1.0}


@pytest.mark.parametrize(
    ("answer", "found"), [(True, "true or false"), (None, "null"), ([18], "a list"), ({"a": 1}, "an object")]
)
def test_an_answer_that_is_no_number_and_no_string_is_refused(tmp_path: Path, answer: object, found: str) -> None:
    file = tmp_path / "problems.jsonl"
    good = {"question": "How many?", "answer": 1}
    file.write_text(json.dumps(good) + "\n" + json.dumps({"question": "What?", "answer": answer}) + "\n")
    expected = "a text or a whole number or a number"
    with pytest.raises(UserError, match=f"line 2: column 'answer' holds {found}; expected {expected}"):
        load_file(file)


def test_gsm8k_itself_still_needs_its_mark(tmp_path: Path) -> None:
    write(tmp_path, {"gsm8k": [{"question": "What?", "answer": "18"}]})
    with pytest.raises(UserError, match=r"line 1.*####"):
        load_rows("gsm8k", data_dir=tmp_path)


def test_the_documentation_lists_every_correction_with_its_reason() -> None:
    page = (Path(__file__).parents[2] / "docs" / "scoring.md").read_text("utf-8")
    for known in CORRECTIONS.values():
        shown = " ".join(f"`{answer}`" for answer in known.answers)
        assert f"| {known.row} | {shown} | {known.why} |" in page
