"""Curves within a problem, from what a run recorded: accuracy by the rank of a sample's length, by its place among the
samples, and by how much of the thinking was done, of answers at cuts of one trace or of what the thinking of samples
itself states.

None needs a generation. Problems are the unit: each has one value at every step, so that steps are paired.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from tts_bench.analysis import paired
from tts_bench.analysis.arrays import Floats
from tts_bench.analysis.bootstrap import difference_interval, percentile_interval, resampled_means
from tts_bench.analysis.points import share_interval, span
from tts_bench.analysis.samples import Cut, Sample, cuts, samples, verdicts
from tts_bench.analysis.stated import TENTHS
from tts_bench.analysis.table import share
from tts_bench.records import Record

Kind = Literal["natural-length", "order", "convergence", "stated"]
KINDS: tuple[Kind, ...] = ("natural-length", "order", "convergence", "stated")
_ALIKE = "the samples of each problem are equally long."
_SILENT = "the thinking of no sample states a box or a number that is its answer."


@dataclass(frozen=True)
class Step:
    """One place of a curve."""

    place: int  # a rank of length, 1 the shortest; a place in the pool, from 1; or tenths of the thinking
    tokens: float  # mean thinking
    accuracy: float
    low: float  # 95% interval of the accuracy
    high: float
    change: float  # since the first step, on the same problems
    change_low: float  # 95% interval of the change, by the paired bootstrap
    change_high: float
    settled: float | None  # by tenths: share of problems, or of their samples, whose answer or result is the final one


@dataclass(frozen=True)
class Line:
    """The curve of one strategy on one task."""

    task: str
    strategy: str
    kind: Kind
    metric: str
    problems: int
    left_out: int  # problems that have no value at some step
    steps: list[Step]
    p: float  # of the change from the first step to the last; of `order` that all steps are alike
    test: str
    adjusted: float  # p after Holm's correction over the lines of one kind
    share: bool = True  # whether scores are from 0 to 1


@dataclass(frozen=True)
class Missing:
    """A task that has no curve of this kind, and why, if there is more to say than that nothing was recorded for it.

    `lengths`: the tokens of the longest thinking of each record, from which budgets for another run are chosen.
    """

    task: str
    kind: Kind
    why: str
    lengths: tuple[int, ...] = ()
    settled: bool = False  # there is a pool, whose samples have no such curve: nothing that can be run changes that


@dataclass
class Within:
    """What is kept of a run while its records are read."""

    metrics: Mapping[str, str]
    kinds: Sequence[Kind] = KINDS
    _pools: dict[tuple[str, str], dict[int, list[Sample]]] = field(default_factory=dict)
    _cuts: dict[tuple[str, str], dict[int, list[Cut]]] = field(default_factory=dict)
    _scores: dict[tuple[str, int], dict[str | None, float]] = field(default_factory=dict)
    _lengths: dict[str, list[int]] = field(default_factory=dict)
    _without: dict[tuple[str, str], set[int]] = field(default_factory=dict)  # read, errors included

    def add(self, record: Record) -> None:
        """Keep what `record` says of single traces."""
        key, doc, metric = (record.task, record.strategy), record.doc_id, self.metrics[record.task]
        self._without.setdefault(key, set()).add(doc)
        if record.error:
            return
        if pool := samples(record, stating="stated" in self.kinds):
            self._pools.setdefault(key, {})[doc] = [] if record.repeat else pool  # repeats are scored together
        if found := cuts(record, metric):
            self._cuts.setdefault(key, {})[doc] = [] if record.repeat else found
        self._scores.setdefault((record.task, doc), {}).update(verdicts(record, metric))
        thought = [part.tokens for part in record.segments if part.kind == "thinking"]
        self._lengths.setdefault(record.task, []).append(max(thought, default=0))

    def lines(self, kind: Kind, *, resamples: int = 10_000, seed: int = 0) -> tuple[list[Line], list[Missing]]:
        """The curves of this kind, and the tasks that have none."""
        rng, found = np.random.default_rng(seed), []
        made = {
            "natural-length": self._natural,
            "order": self._ordered,
            "convergence": self._converging,
            "stated": self._stating,
        }[kind]
        reasons: dict[str, list[str]] = {task: [] for task in self._lengths}
        for task, strategy in self._without:
            values = made(task, strategy)
            if isinstance(values, str):
                reasons.setdefault(task, []).extend([f"{strategy}: {values}"] if values else [])
                continue
            found.append(
                line_of(task, strategy, kind, self.metrics[task], values, resamples, rng, family=len(self._without))
            )
        missing = [
            Missing(
                task,
                kind,
                " ".join(why),
                tuple(self._lengths.get(task, ())),
                any(_ALIKE in one or _SILENT in one for one in why),
            )
            for task, why in reasons.items()
            if task not in {line.task for line in found}
        ]
        adjusted = paired.holm([line.p for line in found])
        return [replace(line, adjusted=p) for line, p in zip(found, adjusted, strict=True)], missing

    def _scored(self, task: str, strategy: str) -> list[tuple[list[Sample], dict[str | None, float]]] | str:
        """The pool of each problem and what its answers score; or why not, "" for a strategy that has no pool."""
        pools = {doc: pool for doc, pool in self._pools.get((task, strategy), {}).items() if pool}
        if not pools:
            return ""
        sizes = {len(pool) for pool in pools.values()}
        if len(sizes) > 1:
            return f"it drew {min(sizes)} to {max(sizes)} samples, as many as the answers asked for."
        found = [(pool, self._scores[task, doc]) for doc, pool in pools.items()]
        found = [(pool, scores) for pool, scores in found if all(sample.extracted in scores for sample in pool)]
        return found if len(found) > 1 else "lm-eval did not score each of its samples."

    def _natural(self, task: str, strategy: str) -> Values | str:
        """By rank; or why not."""
        pools = self._scored(task, strategy)
        if isinstance(pools, str):
            return pools
        lengths = np.array([[sample.tokens for sample in pool] for pool, _ in pools], dtype=float)
        rows = [
            by_rank(own, np.array([scores[sample.extracted] for sample in pool]))
            for own, (pool, scores) in zip(lengths, pools, strict=True)
        ]
        if (lengths == lengths[:, :1]).all():
            return _ALIKE
        return Values(np.array(rows), np.sort(lengths), None, len(self._without[task, strategy]) - len(rows))

    def _ordered(self, task: str, strategy: str) -> Values | str:
        """By place in the pool; or why not."""
        pools = self._scored(task, strategy)
        if isinstance(pools, str):
            return pools
        return Values(
            np.array([[scores[sample.extracted] for sample in pool] for pool, scores in pools]),
            np.array([[sample.tokens for sample in pool] for pool, _ in pools], dtype=float),
            None,
            len(self._without[task, strategy]) - len(pools),
        )

    def _stating(self, task: str, strategy: str) -> Values | str:
        """What samples state by tenths, averaged over those of a problem; or why not."""
        pools = self._scored(task, strategy)
        if isinstance(pools, str):
            return pools
        scores = [[[scored.get(said, 0.0) for said in one.stated] for one in pool] for pool, scored in pools]
        settled = [[[said == one.extracted is not None for said in one.stated] for one in pool] for pool, _ in pools]
        if not np.any(settled):
            return _SILENT
        tokens = np.array([[sample.tokens for sample in pool] for pool, _ in pools]).mean(axis=1)
        return Values(
            np.array(scores).mean(axis=1),
            np.outer(tokens, np.arange(1, TENTHS + 1) / TENTHS),
            np.array(settled).mean(axis=1),
            len(self._without[task, strategy]) - len(pools),
        )

    def _converging(self, task: str, strategy: str) -> Values | str:
        """By tenths; or why not, "" for a strategy that does not answer at cuts of one trace."""
        traces = {doc: found for doc, found in self._cuts.get((task, strategy), {}).items() if found}
        if not any(len(found) > 1 for found in traces.values()):
            return ""
        whole = [steps for found in traces.values() if (steps := by_tenths(found))]
        if len(whole) < 2:
            return f"its cuts are too far apart: {len(whole)} of its problems have one in each tenth of the thinking."
        return Values(
            np.array([[cut.score for cut in steps] for steps in whole]),
            np.array([[float(cut.tokens) for cut in steps] for steps in whole]),
            np.array([[float(cut.extracted == steps[-1].extracted) for cut in steps] for steps in whole]),
            len(self._without[task, strategy]) - len(whole),
        )


@dataclass(frozen=True)
class Values:
    """What each problem has at each step."""

    scores: Floats  # (problems, steps), as the others
    tokens: Floats
    settled: Floats | None
    left_out: int


def by_rank(lengths: Floats, scores: Floats) -> Floats:
    """One problem's scores by rising length, shape (samples,). Samples of one length share the mean of their scores."""
    _, group, counts = np.unique(lengths, return_inverse=True, return_counts=True)
    return np.asarray(np.repeat(np.bincount(group, weights=scores) / counts, counts))


def by_tenths(found: Sequence[Cut]) -> list[Cut]:
    """For each tenth of the thinking the latest answer within it; empty where one of them has none.

    `found` rise in length, and the last is the whole.
    """
    whole = found[-1].tokens
    latest = {-(-TENTHS * cut.tokens // whole): cut for cut in found if cut.tokens}
    return [latest[tenth] for tenth in range(1, TENTHS + 1)] if len(latest) == TENTHS else []


def line_of(
    task: str,
    strategy: str,
    kind: Kind,
    metric: str,
    values: Values,
    resamples: int,
    rng: np.random.Generator,
    *,
    family: int = 1,
) -> Line:
    """The curve of `values`, with its intervals and the test of its ends, one of at most so many in a `family`."""
    scores = share(values.scores)
    means, reach = resampled_means(scores, resamples, rng), span(scores)
    changes = share(scores - scores[:, :1])
    steps = []
    for place in range(scores.shape[1]):
        own = scores[:, place]
        low, high = share_interval(own) if reach is None else percentile_interval(means[:, place])
        moved = means[:, place] - means[:, 0]
        down, up = difference_interval(moved, changes[:, place], reach) if place else (0.0, 0.0)
        settled = None if values.settled is None else float(values.settled[:, place].mean())
        steps.append(
            Step(
                place + 1,
                float(values.tokens[:, place].mean()),
                float(own.mean()),
                low,
                high,
                float(changes[:, place].mean()) + 0.0,
                down + 0.0,
                up + 0.0,
                settled,
            )
        )
    if kind == "order":
        p, test = paired.cochran(scores), "Cochran's Q"
    else:
        p, test = paired.p_value(changes[:, -1], rng, family=family)
    return Line(task, strategy, kind, metric, len(scores), values.left_out, steps, p, test, p, reach is None)


def within(
    records: Iterable[Record], metrics: Mapping[str, str], kinds: Sequence[Kind], *, resamples: int, seed: int
) -> tuple[list[Line], list[Missing]]:
    """The curves of all `kinds` of the records of a run, which are read once, and the tasks that have none."""
    kept = Within(metrics, kinds)
    for record in records:
        kept.add(record)
    lines: list[Line] = []
    missing: list[Missing] = []
    for kind in kinds:
        found, without = kept.lines(kind, resamples=resamples, seed=seed)
        lines, missing = lines + found, missing + without
    return lines, missing
