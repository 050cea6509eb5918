"""Records as numbers: for each strategy on each task a row for each problem and a column for each rung."""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from tts_bench.analysis.arrays import Floats
from tts_bench.analysis.compute import ComputeAxis
from tts_bench.analysis.pool import pool, verdicts
from tts_bench.analysis.votes import majority_at_k
from tts_bench.measures import MEASURES, values_of
from tts_bench.records import Record

_DECIMALS = 14  # of a share: what sums of another order leave behind stands in the sixteenth


@dataclass(frozen=True)
class Grid:
    """One strategy on one task: a row for each problem, a column for each rung. Repeats and seeds are averaged.

    A record with fewer answers than the longest keeps its last one on the later rungs, as on the curve.
    """

    task: str
    strategy: str
    metric: str  # the task's main metric
    documents: tuple[int, ...]
    prompts: tuple[str, ...]  # digest of each document's prompt as the model read it
    rungs: tuple[str, ...]
    values: dict[str, Floats]  # each (problems, rungs): the rows of `tts_bench.measures`, and `_changes`
    scores: dict[str, Floats]  # the same of lm-eval's metrics
    votes: Floats | None  # (problems, rungs): exact expectation of the main metric over all votes of k; None: no pool
    failed: tuple[int, ...] = ()  # documents left out for an error, of any seed
    voted: bool = False  # some answer of it is a vote of several samples
    unlike: bool = False  # ballots that say the same may differ in their score, so that no expectation is known
    parts: tuple[Grid, ...] = ()  # where seeds were pooled, the grid of each

    @property
    def seeds(self) -> int:
        return max(1, len(self.parts))

    @cached_property
    def score(self) -> Floats:
        """The main metric as lm-eval gave it for each rung."""
        return share(self.scores[self.metric])

    @cached_property
    def expected(self) -> Floats:
        """The main metric, in the place of a vote of the first k samples the expectation over all votes of k."""
        return self.score if self.votes is None else share(self.votes)

    def compute(self, axis: ComputeAxis) -> Floats:
        """What each rung cost on each problem, on `axis`."""
        return np.asarray(sum(factor * self.values[name] for name, factor in axis.weights.items()))


def share(values: Floats) -> Floats:
    """Means of scores as numbers that are equal where the means are, in whatever order they were added up."""
    return np.asarray(np.round(values, _DECIMALS))


_NAMED = {row.name: row.read for row in MEASURES if row.read and isinstance(row.read, str)}
_COMPUTED = {row.name: row.read for row in MEASURES if callable(row.read)}
_named = attrgetter(*_NAMED.values())  # all at once: this is done for every answer of a run
_READS = (*_NAMED, *_COMPUTED)


class Table:
    """The grids of records that are given one by one and not kept."""

    def __init__(self, metrics: Mapping[str, str], main: Mapping[str, str] | None = None) -> None:
        """`metrics`: of each task the one that counts. `main`: its main one, where that may be another."""
        self.metrics, self._main = metrics, main or metrics
        self._rows: dict[tuple[str, str], GridBuilder] = {}

    def add(self, record: Record) -> None:
        """Keep the numbers of `record`, whose task has a main metric and whose rungs are called as before."""
        key = (record.task, record.strategy)
        if key not in self._rows:
            metric = self.metrics[record.task]
            self._rows[key] = GridBuilder(metric, main=metric == self._main[record.task])
        self._rows[key].add(record)

    def grids(self) -> dict[str, dict[str, Grid]]:
        """By task and strategy, in the order of their first records; without those of `failed`."""
        grids: dict[str, dict[str, Grid]] = {}
        for (task, strategy), rows in self._rows.items():
            if grid := rows.grid(task, strategy):
                grids.setdefault(task, {})[strategy] = grid
        return grids

    def failed(self) -> dict[tuple[str, str], int]:
        """Task and strategy where every document has an error, with the number of these."""
        return {key: len(rows.failed) for key, rows in self._rows.items() if not rows.answered}

    def strategies(self) -> dict[str, list[str]]:
        """Those with a record on each task, in the order of their first ones."""
        found: dict[str, list[str]] = {}
        for task, strategy in self._rows:
            found.setdefault(task, []).append(strategy)
        return found


class GridBuilder:
    """The records of one grid: a row of numbers for each answer, one after the other."""

    def __init__(self, metric: str, *, main: bool) -> None:
        self.metric, self._main = metric, main
        self.failed: set[int] = set()
        self._metrics: tuple[str, ...] = ()
        self._rungs: tuple[str, ...] = ()
        self._numbers = array("d")
        self._answers = 0
        self._records: dict[int, list[tuple[int, int]]] = {}  # document -> its repeats' first rows, and how many
        self._prompts: dict[int, str] = {}
        self._votes: dict[int, Floats] = {}
        self._voted = False
        self._pooled = False  # some record has a pool
        self._silent = [0, 0.0]  # most ballots of a pool without an answer, and the highest score of one

    def add(self, record: Record) -> None:
        """Keep the numbers of `record`, whose rungs have the names that they have in the others."""
        if record.error:
            self.failed.add(record.doc_id)
            return
        answers = record.answers
        if len(answers) > len(self._rungs):
            self._rungs = tuple([answer.rung for answer in answers])
        self._metrics = self._metrics or tuple(answers[0].scores)
        row: list[float] = []
        for answer in answers:
            row += _named(answer)
            row += [read(record, answer) for read in _COMPUTED.values()]
            row += [answer.scores.get(metric, math.nan) for metric in self._metrics]
        self._numbers.fromlist(row)
        self._records.setdefault(record.doc_id, []).append((self._answers, len(answers)))
        self._answers += len(answers)
        self._prompts[record.doc_id] = next((part.origin for part in record.segments if part.kind == "prompt"), "")
        self._voted = self._voted or _is_vote(record)
        if ballots := pool(record):
            self._pooled = True
            said, scores = [ballot.extracted for ballot in ballots], verdicts(record, ballots, self.metric)
            self._silent = [max(self._silent[0], said.count(None)), max(self._silent[1], scores.get(None, 0.0))]
            if scores.keys() >= set(said):
                self._votes[record.doc_id] = majority_at_k(said, scores)

    @property
    def answered(self) -> bool:
        """Whether any document is without an error."""
        return not self._records.keys() <= self.failed

    def grid(self, task: str, strategy: str) -> Grid | None:
        """None where every document has an error."""
        if not self.answered:
            return None
        documents = tuple(sorted(self._records.keys() - self.failed))
        columns = iter(np.frombuffer(self._numbers).reshape(self._answers, -1).T)
        repeats = [self._records[doc] for doc in documents]
        starts, counts = np.array([span for spans in repeats for span in spans]).T[:, :, None]
        rows = starts + np.minimum(np.arange(len(self._rungs)), counts - 1)
        each, scored = ({name: next(columns)[rows] for name in part} for part in (_READS, self._metrics))
        together = [len(spans) for spans in repeats]
        read, scores, changed = (
            {name: _means(column, together) for name, column in part.items()}
            for part in (each, scored, _changes(scored[self.metric], each["no_answer"]))
        )
        return Grid(
            task=task,
            strategy=strategy,
            metric=self.metric,
            documents=documents,
            prompts=tuple(self._prompts[doc] for doc in documents),
            rungs=self._rungs,
            values={row.name: values_of(row, read) for row in MEASURES} | changed,
            scores=scores,
            votes=self._expected(documents),
            unlike=self._unlike,
            failed=tuple(sorted(self.failed)),
            voted=self._voted,
        )

    @property
    def _unlike(self) -> bool:
        """Answers are extracted as the main metric reads them: by another one, texts with one answer may differ."""
        return self._silent[0] > 1 and self._silent[1] > 0 if self._main else self._pooled

    def _expected(self, documents: Sequence[int]) -> Floats | None:
        """None where a record of them is of no plain vote, of a shorter one than others, or of a document with repeats.

        lm-eval scores the repeats of a document together, so that no single ballot of them has a score. None, too, by
        a metric that tells ballots of one extracted answer apart, or those without one: of them only one was scored.
        """
        if self._unlike:
            return None
        votes = [self._votes.get(doc) for doc in documents]
        whole = [vote for vote in votes if vote is not None and len(vote) == len(self._rungs)]
        alone = all(len(self._records[doc]) == 1 for doc in documents)
        return np.array(whole) if alone and len(whole) == len(votes) else None


def _changes(scores: Floats, silent: Floats) -> dict[str, Floats]:
    """What flipped within each record since its first rung, of which averages do not tell: (records, rungs) each.

    `scores` are by the main metric; `silent` is 1 where no answer was found.
    """
    first = scores[:, :1]
    return {
        "right_to_wrong": np.maximum(first - scores, 0.0),
        "wrong_to_right": np.maximum(scores - first, 0.0),
        "right_answered": scores * (1 - silent),
    }


def _is_vote(record: Record) -> bool:
    """Whether its last answer is a vote of several. Records say so from schema 3 on; older ones only look like it."""
    last = record.answers[-1]
    if record.schema >= 3:
        return last.ballots > 1
    return sum(record.segments[place].kind == "answer" for place in last.segments) > 1


def _means(values: Floats, repeats: Sequence[int]) -> Floats:
    """Means over the repeats of each document, which stand side by side along the first axis of (row, rung)."""
    if max(repeats) == 1:
        return values
    starts: NDArray[np.intp] = np.cumsum([0, *repeats[:-1]])
    sums = np.add.reduceat(values, starts, axis=0)
    return np.asarray(sums / np.reshape(repeats, (-1, 1)))
