"""The fixed splits of the two tasks: test problems that no model of any seed trains on, and a train split."""

from __future__ import annotations

import json
from functools import cache
from itertools import islice
from random import Random

from pocket.problems import Problem, held_out, trainable
from pocket.traces import true_lines

TEST_ROWS, FLAT_ROWS, TRAIN_ROWS, FLAT_TRAIN_ROWS = 1319, 3000, 5000, 1000


@cache
def ordinary_test() -> tuple[Problem, ...]:
    """The test split of `pocket_arithmetic`."""
    return tuple(islice(held_out(Random("pocket_arithmetic/test"), "ordinary"), TEST_ROWS))


@cache
def flat_test() -> tuple[Problem, ...]:
    """The test split of `pocket_flat`: as many hard problems as easy ones, in turn."""
    return tuple(islice(held_out(Random("pocket_flat/test"), "flat"), FLAT_ROWS))


@cache
def ordinary_train() -> tuple[Problem, ...]:
    """The train split of `pocket_arithmetic`, on which tokens are trained."""
    return tuple(islice(trainable(Random("pocket_arithmetic/train"), "ordinary"), TRAIN_ROWS))


@cache
def flat_train() -> tuple[Problem, ...]:
    """The train split of `pocket_flat`: training a token on it must gain nothing."""
    return tuple(islice(trainable(Random("pocket_flat/train"), "flat"), FLAT_TRAIN_ROWS))


def jsonl() -> dict[str, bytes]:
    """The data files of the two tasks, TASK/SPLIT.jsonl as a data folder holds them."""
    splits = {
        "pocket_arithmetic/test.jsonl": ordinary_test(),
        "pocket_arithmetic/train.jsonl": ordinary_train(),
        "pocket_flat/test.jsonl": flat_test(),
        "pocket_flat/train.jsonl": flat_train(),
    }
    return {name: b"".join(_line(problem) for problem in split) for name, split in splits.items()}


def _line(problem: Problem) -> bytes:
    worked = "".join(true_lines(problem, check=False))
    row = {"question": problem.text, "answer": f"{worked}#### {problem.answer}", "steps": len(problem.events)}
    return json.dumps(row).encode() + b"\n"
