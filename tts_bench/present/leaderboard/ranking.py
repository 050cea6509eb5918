"""Which strategies stand in one table, and which of them the data tell apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from tts_bench.analysis import paired
from tts_bench.present.leaderboard.entry import Entry, Rung, StrategyLine, TaskPart
from tts_bench.present.leaderboard.recompute import digest, unpacked

TOLD = 0.05  # rows are told apart below this p-value, corrected by Holm over the table


@dataclass(frozen=True)
class Row:
    """One strategy of one entry, at its last rung: what was asked for before anything was seen."""

    entry: str  # file name
    seed: int
    line: StrategyLine
    rank: int = 0
    tied: bool = False  # with the row above or below
    p: float | None = None  # against the row above, corrected; None for the first

    @property
    def rung(self) -> tuple[str, Rung]:
        return list(self.line.rungs.items())[-1]

    @property
    def order(self) -> tuple[float, float, str, str]:
        """Best first; at equal accuracy the cheaper one."""
        _, rung = self.rung
        return (-rung.accuracy, rung.generated, self.line.label, self.entry)


@dataclass(frozen=True)
class Ranking:
    """One model on one set of problems, put to it in one way."""

    model: str
    task: str
    thinking_format: str
    part: TaskPart
    key: str  # digest of what its rows have in common
    rows: list[Row] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        """What the rows are called in a figure: by their entry too where one label is there twice."""
        labels = [row.line.label for row in self.rows]
        return [
            label if labels.count(label) == 1 else f"{label} (seed {row.seed}, {row.entry})"
            for label, row in zip(labels, self.rows, strict=True)
        ]


def rankings(entries: Mapping[str, Entry]) -> list[Ranking]:
    """A ranking for each model, task, set of problems, prompt and thinking format; by model and task.

    Whatever is in one ranking was measured on the same problems, so that neighbours are compared problem by problem.
    """
    found: dict[str, Ranking] = {}
    for name, entry in entries.items():
        for task, part in entry.tasks.items():
            run = entry.run
            shared = [entry.model.fingerprint, task, part.metric, part.data, part.prompts, part.problems]
            key = digest([*shared, run.thinking_format_sha256, run.system])
            ranking = found.setdefault(key, Ranking(entry.model.name, task, run.thinking_format, part, key))
            ranking.rows.extend(Row(name, run.seed, line) for line in part.strategies.values())
    ordered = sorted(found.values(), key=lambda ranking: (ranking.model, ranking.task, ranking.key))
    for ranking in ordered:
        ranking.rows[:] = _ranked(sorted(ranking.rows, key=lambda row: row.order), ranking.part.problems)
    return ordered


def _ranked(rows: Sequence[Row], problems: int) -> list[Row]:
    """A row has a rank of its own where it is told from the row above; else it has that row's."""
    scores = [np.array(unpacked(row.rung[1].problems.score, problems)) for row in rows]
    tests = [
        paired.p_value(above - below, np.random.default_rng(0), family=len(scores) - 1)[0]
        for above, below in pairwise(scores)
    ]
    adjusted: list[float | None] = [None, *paired.holm(tests)]
    told = [p is None or p < TOLD for p in adjusted]
    ranks: list[int] = []
    for place, apart in enumerate(told, 1):
        ranks.append(place if apart else ranks[-1])
    return [
        Row(row.entry, row.seed, row.line, rank, ranks.count(rank) > 1, p)
        for row, rank, p in zip(rows, ranks, adjusted, strict=True)
    ]
