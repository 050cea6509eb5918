"""The plain curve: for each task, strategy and rung, its accuracy and what it cost. One pass over the records."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from operator import add, attrgetter
from pathlib import Path
from statistics import NormalDist
from typing import Any

from pydantic import TypeAdapter

from tts_bench import foreign
from tts_bench.errors import UserError
from tts_bench.files import write_whole
from tts_bench.records import AnswerRecord, Record

SCHEMA = 1
_Z95 = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True)
class Point:
    """One rung of one strategy on one task. Costs are means over its `n` records, in tokens (`flops`: operations)."""

    task: str
    strategy: str
    rung: str  # "" where every record is an error
    index: int  # the rung's place in its strategy, from 0
    n: int  # scored records
    errors: int  # records that ended in an error: in no other number of this point
    metric: str
    accuracy: float | None  # mean of `metric`; None where n is 0
    low: float | None  # 95% Wilson interval; None where n is 0 or a mean outside 0 to 1 is no share
    high: float | None
    metrics: dict[str, float]  # means of all metrics that every record has, `metric` among them
    generated: float  # sampled and forced
    sequential: float  # the part of `generated` on the critical path
    prompt: float
    forced: float
    flops: float
    truncated: float  # share of records whose thinking ran into its budget
    no_answer: float  # share of records with no extracted answer
    cues_wanted: float  # mean number of cues asked for ...
    cues: float  # ... and of those that were put in


def wilson(mean: float, n: float) -> tuple[float, float]:
    """The 95% Wilson score interval of a share `mean` in 0 to 1 over `n` >= 1 trials, without continuity correction.

    Taken from the formula, not from scipy's count of successes, so that a metric with partial credit has one too
    (a wide one: no score between 0 and 1 varies more than right-or-wrong does).
    """
    shrink = 1 + _Z95**2 / n
    centre = (mean + _Z95**2 / (2 * n)) / shrink
    half = _Z95 / shrink * math.sqrt(mean * (1 - mean) / n + _Z95**2 / (4 * n**2))
    return min(mean, max(0.0, centre - half)), max(mean, min(1.0, centre + half))


def points(records: Iterable[Record], *, metrics: Mapping[str, str]) -> list[Point]:
    """The curve of `records`, which are read once and not kept; `metrics` names each task's main metric.

    A record with fewer answers than its strategy's longest keeps its last answer on the later rungs. Tasks and
    strategies come in the order in which they were first seen.

    Raises:
        ValueError: a task without a main metric, an answer without its score, a score that is not finite, a record
            with neither answer nor error, or two names for one rung.
    """
    lines: dict[str, dict[str, _Line]] = {}
    for record in records:
        if record.task not in metrics:
            raise ValueError(f"task {record.task!r} has no main metric")
        line = lines.setdefault(record.task, {}).setdefault(record.strategy, _Line())
        line.add(record, metrics[record.task])
    return [
        point
        for task, strategies in lines.items()
        for strategy, line in strategies.items()
        for point in line.points(task, strategy, metrics[task])
    ]


def by_line(curve: Iterable[Point]) -> dict[str, dict[str, list[Point]]]:
    """Points by task and strategy, in their order."""
    lines: dict[str, dict[str, list[Point]]] = {}
    for point in curve:
        lines.setdefault(point.task, {}).setdefault(point.strategy, []).append(point)
    return lines


def marked(line: Sequence[Point]) -> list[Point]:
    """The rungs to show of a long line: all up to eight, else the first, the last and powers of two between."""
    if len(line) <= 8:
        return list(line)
    return [point for place, point in enumerate(line, 1) if place & (place - 1) == 0 or place == len(line)]


@dataclass
class _Sums:
    n: int = 0
    costs: list[float] = field(default_factory=lambda: [0.0] * len(_COSTS))
    scores: dict[str, float] = field(default_factory=dict)
    scored: dict[str, int] = field(default_factory=dict)

    def add(self, answer: AnswerRecord) -> None:
        self.n += 1
        self.costs = list(map(add, self.costs, (*_costs(answer), answer.extracted is None)))
        for name, value in answer.scores.items():
            self.scores[name] = self.scores.get(name, 0.0) + value
            self.scored[name] = self.scored.get(name, 0) + 1

    def __add__(self, other: _Sums) -> _Sums:
        return _Sums(
            self.n + other.n,
            list(map(add, self.costs, other.costs)),
            _added(self.scores, other.scores),
            _added(self.scored, other.scored),
        )


def _added(left: Mapping[str, Any], right: Mapping[str, Any]) -> dict[str, Any]:
    return {name: left.get(name, 0) + right.get(name, 0) for name in {**left, **right}}


# Fields of a point that are plain means over its records.
_COSTS: tuple[str, ...] = (
    "generated",
    "sequential",
    "prompt",
    "forced",
    "flops",
    "truncated",
    "cues_wanted",
    "cues",
    "no_answer",
)
_costs = attrgetter(*(f"cost.{name}" for name in _COSTS[:5]), *_COSTS[5:8])


@dataclass
class _Rung:
    name: str
    reached: _Sums = field(default_factory=_Sums)  # records that have this rung
    ended: _Sums = field(default_factory=_Sums)  # those of them that have no later one


@dataclass
class _Line:
    """Accumulators of one strategy on one task: their size is the number of rungs."""

    rungs: list[_Rung] = field(default_factory=list)
    errors: int = 0

    def add(self, record: Record, metric: str) -> None:
        if record.error is not None:
            self.errors += 1
            return
        if not record.answers:
            raise ValueError(f"{_place(record)} has neither answer nor error")
        for index, answer in enumerate(record.answers):
            if index == len(self.rungs):
                self.rungs.append(_Rung(answer.rung))
            rung = self.rungs[index]
            if rung.name != answer.rung:
                raise ValueError(f"{_place(record)} calls rung {index} {answer.rung!r}; others call it {rung.name!r}")
            _check(record, answer, metric)
            rung.reached.add(answer)
        rung.ended.add(answer)

    def points(self, task: str, strategy: str, metric: str) -> list[Point]:
        if not self.rungs:
            return [_point(task, strategy, "", 0, _Sums(), self.errors, metric)]
        line, carried = [], _Sums()
        for index, rung in enumerate(self.rungs):
            line.append(_point(task, strategy, rung.name, index, rung.reached + carried, self.errors, metric))
            carried += rung.ended
        return line


def _check(record: Record, answer: AnswerRecord, metric: str) -> None:
    if metric not in answer.scores:
        raise ValueError(f"{_place(record)} has no score {metric!r} on rung {answer.rung!r}")
    for name, value in answer.scores.items():
        if not math.isfinite(value):
            raise ValueError(f"{_place(record)} has score {name!r} = {value} on rung {answer.rung!r}")


def _place(record: Record) -> str:
    return f"record {record.task}/{record.doc_id}/{record.repeat} of {record.strategy!r}"


def _point(task: str, strategy: str, rung: str, index: int, sums: _Sums, errors: int, metric: str) -> Point:
    n = sums.n
    accuracy = sums.scores[metric] / n if n else None
    low, high = wilson(accuracy, n) if accuracy is not None and 0 <= accuracy <= 1 else (None, None)
    return Point(
        task=task,
        strategy=strategy,
        rung=rung,
        index=index,
        n=n,
        errors=errors,
        metric=metric,
        accuracy=accuracy,
        low=low,
        high=high,
        metrics={name: total / n for name, total in sorted(sums.scores.items()) if sums.scored[name] == n},
        **{name: total / max(n, 1) for name, total in zip(_COSTS, sums.costs, strict=True)},
    )


def write_curve(path: Path, curve: Iterable[Point], header: Mapping[str, Any]) -> None:
    """Write curve.json: the same points and header give the same bytes.

    Raises:
        ValueError: the header holds a number that is not finite; nothing is written.
        OSError: `path` cannot be written.
    """
    data = {"schema": SCHEMA, "header": header, "points": [asdict(point) for point in curve]}
    text = json.dumps(data, ensure_ascii=False, sort_keys=True, indent=1, allow_nan=False)
    write_whole(path, f"{text}\n".encode())


def read_curve(path: Path) -> tuple[dict[str, Any], list[Point]]:
    """The header and the points of a curve.json.

    Raises:
        UserError: the file is missing, is no curve, or has another schema.
    """
    try:
        data = foreign.document(path)
        schema, header = data["schema"], data["header"]
        if schema == SCHEMA:
            return dict(header), TypeAdapter(list[Point]).validate_python(data["points"])
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}. It should be the curve.json of a run.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is not a curve.json: {str(error)[:200]}. `tts-bench run` writes one.") from error
    raise UserError(f"{path} has curve schema {str(schema)[:80]}; this version reads {SCHEMA}. Repeat the run.")
