"""Training problems with their rewards: the task's own train split, prompts and scorer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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


def load(name: str, hold_out: int, data_dir: Path | None = None) -> Problems:
    """The training problems of task `name`.

    Raises:
        UserError: no such task, no train split, too few problems in it, or one of them in the test split too.
    """
    check_task(name)
    loaded = loading.load((name,), data_dir).tasks
    task = next(iter(loaded.values()))  # the parts of a group share prompts and scorer
    data = load_rows(catalog.describe(name).parent or name, "train", data_dir)
    prompts = [str(task.task.doc_to_text(row)) for row in data.rows]
    tested = {_plain(part.task.doc_to_text(row)) for part in loaded.values() for row in part.task.eval_docs}
    if both := [prompt for prompt in prompts if _plain(prompt) in tested]:
        raise UserError(
            f"{len(both)} training rows of {name} ({data.source}) are also in its test split; the first is "
            f"{both[0][:80]!r}. Train on rows that are not tested."
        )
    if len(prompts) <= hold_out:
        raise UserError(
            f"{name} has {len(prompts)} training rows, but --hold-out takes {hold_out}. Give a smaller --hold-out."
        )
    until = stops(task.task.config.generation_kwargs or {})
    items = [Item(f"{name}:train", place, 0, prompt, until, task.extract) for place, prompt in enumerate(prompts)]
    order = np.random.default_rng(0).permutation(len(items))  # the same held-out problems for every seed
    shuffled = [items[place] for place in order]
    return Problems(task, data.rows, shuffled[hold_out:], shuffled[:hold_out], data.sha256, Path(data.source).name)


def _plain(prompt: object) -> str:
    return " ".join(str(prompt).split())
