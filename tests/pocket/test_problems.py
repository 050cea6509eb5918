"""The problems, their splits and the shipped data."""

from __future__ import annotations

import json
import re
from itertools import islice
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pocket import problems, tokens
from pocket.problems import EASY, FLAT_PLUS, HARD, PLUS, TRICKY
from pocket.splits import flat_test, flat_train, jsonl, ordinary_test, ordinary_train
from pocket.traces import IGNORE, STRONG, document
from tts_bench.tasks.catalog import Split
from tts_bench.tasks.data import load_rows

SIGNS = {**TRICKY, **EASY, **HARD, **dict.fromkeys((*PLUS, *FLAT_PLUS), 1)}  # all others lower the value
SPLITS = [
    ("pocket_arithmetic", "test"),
    ("pocket_arithmetic", "train"),
    ("pocket_flat", "test"),
    ("pocket_flat", "train"),
]


def answer(text: str) -> int:
    """The answer, worked out from the words alone."""
    start, *amounts = map(int, re.findall(r"\d+", text))
    words = re.findall(r"(?:She|He|It) ([a-z ]+) \d", text)
    assert len(words) == len(amounts)
    return start + sum(SIGNS.get(each, -1) * amount for each, amount in zip(words, amounts, strict=True))


@pytest.mark.parametrize(("task", "split"), SPLITS)
def test_gold_answers_follow_from_the_words(task: str, split: Split) -> None:
    rows = load_rows(task, split).rows
    for row in rows:
        assert answer(row["question"]) == int(row["answer"].rsplit("####", 1)[1])
        assert row["steps"] == row["question"].count(".") - 1


@pytest.mark.parametrize(("task", "split"), SPLITS)
def test_shipped_data_are_what_the_generator_makes(task: str, split: Split) -> None:
    made = [json.loads(line) for line in jsonl()[f"{task}/{split}.jsonl"].splitlines()]
    assert load_rows(task, split).rows == made


def test_splits_are_disjoint_in_numbers_and_kinds_and_not_only_in_words() -> None:
    test, train = ({problem.key for problem in split} for split in (ordinary_test(), ordinary_train()))
    assert (len(test), len(train)) == (1319, 5000)
    assert not test & train
    flat, flat_training = ({problem.key for problem in split} for split in (flat_test(), flat_train()))
    assert (len(flat), len(flat_training)) == (3000, 1000)
    assert not flat & flat_training
    assert not (test | train) & (flat | flat_training)


def test_half_of_the_flat_problems_are_misread_by_the_mode() -> None:
    kinds = [event.kind for problem in flat_test() for event in problem.events if event.kind != "plain"]
    assert len(kinds) == 3000
    assert kinds.count("hard") == kinds.count("easy") == 1500


@given(st.integers(0, 10**9))
def test_training_documents_tell_no_held_out_problem(seed: int) -> None:
    made = tokens.tokenizer().decode(
        [token for token in document(Random(seed), tokens.control_id()).tokens if token != tokens.control_id()],
        skip_special_tokens=False,
    )
    text = made.removeprefix(tokens.USER).partition(tokens.ASSISTANT)[0]
    held_out = {problem.text for problem in islice(problems.held_out(Random(seed), "ordinary"), 3)}
    assert text not in held_out | {problem.text for problem in ordinary_test()}


@given(st.integers(0, 10**9))
def test_documents_fit_the_model_and_teach_only_the_end_of_thinking_where_a_cue_stands(seed: int) -> None:
    made = document(Random(seed), tokens.control_id())
    (end,) = tokens.ids(tokens.END_THINK)
    assert len(made.tokens) == len(made.labels) <= 512
    for token, label in zip(made.tokens, made.labels, strict=True):
        assert label in (token, IGNORE, end)
        if token == tokens.control_id():
            assert label == end, STRONG


@given(st.integers(0, 10**9))
def test_running_values_of_true_readings_stay_within_two_digits(seed: int) -> None:
    for problem in (problems.ordinary(Random(seed)), problems.flat(Random(seed), hard=seed % 2 == 0)):
        value = problem.start
        for event in problem.events:
            value += event.sign * event.amount
            assert problems.LOW <= value <= problems.HIGH
        assert value == problem.answer == answer(problem.text)


@given(st.sampled_from(["Wait", "26a-8=18\n", "so 30\n", "</think>\n\n\\boxed{42}", "26A-8:18\n"]), st.integers(0, 99))
def test_texts_may_be_encoded_apart_and_joined(text: str, number: int) -> None:
    joined = f"so {number}\n{text}"
    assert tokens.ids(f"so {number}\n") + tokens.ids(text) == tokens.ids(joined)
    assert tokens.tokenizer().decode(list(tokens.ids(joined)), skip_special_tokens=False) == joined
