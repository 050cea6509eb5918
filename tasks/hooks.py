"""What the tasks' YAML files call: plain functions, as lm-eval compiles a template string again for every row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tts_bench.errors import UserError
from tts_bench.tasks.boxed import box
from tts_bench.tasks.catalog import subject_slug
from tts_bench.tasks.data import Row, load_file, load_rows
from tts_bench.tasks.golds import answers, correction
from tts_bench.tasks.scoring import Kind, lenient, strict

INSTRUCTION = r"Please reason step by step, and put your final answer within \boxed{}."


class Docs(list[Row]):
    """The rows of a task, with what lm-eval asks of a data set."""

    def __init__(self, rows: Iterable[Row], sha256: str, source: str) -> None:
        super().__init__(rows)
        self.sha256 = sha256
        self.source = source

    @property
    def features(self) -> dict[str, type]:
        return {column: type(value) for column, value in self[0].items()}


def dataset(name: str, subject: str | None = None, data_dir: str | None = None, **metadata: object) -> dict[str, Docs]:
    """The test split for lm-eval, which hands over all of a task's metadata; `data_dir` may come in it.

    Raises:
        UserError: as `load_rows`, or no row of that subject.
    """
    loaded = load_rows(name, data_dir=Path(data_dir) if data_dir else None)
    rows = [row for row in loaded.rows if subject is None or subject_slug(row["type"]) == subject]
    if not rows:
        raise UserError(f"{loaded.source} holds no row whose 'type' is {subject}; {name} needs rows of all subjects.")
    return {"test": Docs(rows, loaded.sha256, loaded.source)}


def dataset_of_file(file: str, folder: str = ".", **metadata: object) -> dict[str, Docs]:
    """The rows of a JSON Lines file beside a task's YAML file, in whose `folder` the harness has found it.

    Raises:
        UserError: as `load_file`.
    """
    loaded = load_file(Path(folder) / file)
    return {"test": Docs(loaded.rows, loaded.sha256, loaded.source)}


def prompt(row: Row) -> str:
    """The problem and what to do with it."""
    return f"{row['question'] if 'question' in row else row['problem']}\n{INSTRUCTION}"


def question(row: Row) -> str:
    """The problem alone, for a model that knows nothing but such problems."""
    return str(row["question"])


def gold(row: Row) -> str:
    """The gold answer as the data have it, the first where several are accepted (`golds.answers`)."""
    return answers(row)[0]


def solution(row: Row) -> str:
    """A response that is right: the gold solution, with its answer in a box."""
    boxed = f"\\boxed{{{gold(row)}}}"
    if "question" in row:
        worked, mark, _ = str(row["answer"]).rpartition("####")
        return worked + boxed if mark else boxed
    if "level" not in row or not box(str(row.get("solution", ""))):  # MATH's solutions end in a box, AIME's in prose
        return boxed
    return f"{row['solution']}\n{boxed}" if correction(row) else str(row["solution"])


def keep(responses: Iterable[Sequence[str]], rows: Sequence[Row]) -> list[str | list[str]]:
    """lm-eval's filter step: all responses to a problem, so that repeats are scored by their mean."""
    return [list(each) if len(each) > 1 else each[0] for each in responses]


def score(row: Row, results: Sequence[Any]) -> dict[str, float]:
    """Metrics of one problem: the share of its responses that are right."""
    responses = results[0] if isinstance(results[0], list) else [results[0]]
    golds, kind = answers(row), _kind(row)
    return {
        "strict": sum(any(strict(each, text) for each in golds) for text in responses) / len(responses),
        "lenient": sum(any(lenient(each, text, kind) for each in golds) for text in responses) / len(responses),
    }


def _kind(row: Row) -> Kind:
    return "number" if "####" in str(row.get("answer")) else "expression"
