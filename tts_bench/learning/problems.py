"""Training problems with their rewards: the task's own train split, prompts and scorer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tts_bench.api import Answer
from tts_bench.errors import UserError
from tts_bench.learning.precheck import check_task
from tts_bench.lm_eval.replay import stops
from tts_bench.solving.solve import Item
from tts_bench.tasks import catalog, loading
from tts_bench.tasks.catalog import subject_slug
from tts_bench.tasks.data import load_rows


@dataclass(frozen=True)
class Verdict:
    """What the scorer says of an answer."""

    correct: float  # 0 to 1: the task's main metric
    boxed: bool  # an answer could be extracted

    def reward(self, format_reward: float) -> float:
        return self.correct + format_reward * self.boxed


@dataclass(frozen=True)
class Problems:
    """The train split of a task, a part of it held out."""

    task: loading.LoadedTask
    rows: Sequence[Mapping[str, Any]]
    training: list[Item]
    held_out: list[Item]
    sha256: str  # of the data
    source: str

    def judge(self, item: Item, answer: Answer) -> Verdict:
        scores = self.task.task.process_results(self.rows[item.doc_id], [answer.text])
        return Verdict(float(scores[self.task.metrics[0]]), answer.extracted is not None)

    def batch(self, step: int, size: int, seed: int) -> list[Item]:
        """The problems of a step: all are seen once, in an order of `seed`, before any is seen again."""
        total, start = len(self.training), step * size
        chosen = []
        for place in range(start, start + size):
            order = np.random.default_rng((seed, place // total)).permutation(total)
            chosen.append(self.training[order[place % total]])
        return chosen


def load(name: str, hold_out: int, data_dir: Path | None = None, test_task: str | None = None) -> Problems:
    """The training problems of task `name`; none of them may be among the test problems of it or of `test_task`.

    Raises:
        UserError: no such task, no train split, too few problems in it, or one of them among the test problems too.
    """
    check_task(name)
    loaded = loading.load((name,), data_dir).tasks
    task = next(iter(loaded.values()))  # the parts of a group share prompts and scorer
    info = catalog.describe(name)
    data = load_rows(info.parent or name, "train", data_dir)
    rows = [row for row in data.rows if not info.subject or subject_slug(row["type"]) == subject_slug(info.subject)]
    if not rows:
        raise UserError(
            f"{data.source} holds no row whose 'type' is {info.subject!r}; {name} trains on such rows alone. "
            f"Add some, or type --task {info.parent}."
        )
    of = f"training rows of {name} ({data.source})"
    _check_apart(task, rows, loaded.values(), f"{of} are also in its test split")
    if test_task and test_task != name:
        others = loading.load((test_task,), data_dir).tasks.values()
        _check_apart(task, rows, others, f"{of} are also among the problems of --test-task {test_task}")
    prompts = [str(task.task.doc_to_text(row)) for row in rows]
    if len(prompts) <= hold_out:
        raise UserError(
            f"{name} has {len(prompts)} training rows, but --hold-out takes {hold_out}. Give a smaller --hold-out."
        )
    until = stops(task.task.config.generation_kwargs or {})
    items = [Item(f"{name}:train", place, 0, prompt, until, task.extract) for place, prompt in enumerate(prompts)]
    order = np.random.default_rng(0).permutation(len(items))  # the same held-out problems for every seed
    shuffled = [items[place] for place in order]
    return Problems(task, rows, shuffled[hold_out:], shuffled[:hold_out], data.sha256, Path(data.source).name)


def _check_apart(
    task: loading.LoadedTask, rows: Sequence[Mapping[str, Any]], parts: Iterable[loading.LoadedTask], found: str
) -> None:
    """Refuse rows for `task` that are test problems of one of `parts`; `found` is what a message says of them."""
    tested = {text for part in parts for row in part.task.eval_docs for text in _wordings(part, row)}
    if both := [row for row in rows if not tested.isdisjoint(_wordings(task, row))]:
        raise UserError(
            f"{len(both)} {found}; the first is {str(task.task.doc_to_text(both[0]))[:80]!r}. "
            "Train on rows that are not tested."
        )


def _wordings(task: loading.LoadedTask, row: Mapping[str, Any]) -> set[str]:
    """A problem as the task's prompt has it, and alone: another task asks the same in other words around it."""
    alone = [row[column] for column in ("question", "problem") if isinstance(row.get(column), str)]
    return {" ".join(str(text).split()) for text in (task.task.doc_to_text(row), *alone)}
