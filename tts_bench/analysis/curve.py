"""The curve: for each task, strategy and rung, its accuracy and what it cost; as a file, and as lines to be shown."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from statistics import NormalDist
from typing import Any

from pydantic import TypeAdapter

from tts_bench import foreign
from tts_bench.errors import UserError
from tts_bench.files import write_whole
from tts_bench.measures import columns

SCHEMA = 2  # 1: repeats counted as problems; no `overall`, `spent`, `seeds` and `between`
Z95 = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True)
class Point:
    """One rung of one strategy on one task. A problem's repeats and seeds are averaged first: problems were drawn."""

    task: str
    strategy: str
    rung: str  # "" where every record is an error
    index: int  # the rung's place in its strategy, from 0
    n: int  # scored problems
    errors: int  # problems that ended in an error: in `overall`, and in no other number of this point
    metric: str
    accuracy: float | None  # mean of `metric`; None where n is 0
    low: float | None  # 95% interval; None where n is 0 or a score outside 0 to 1 is no share
    high: float | None
    overall: float | None  # `accuracy` over all problems, those with an error as wrong
    metrics: dict[str, float]  # means of all metrics that every record has, `metric` among them
    values: dict[str, float]  # of the rows of `tts_bench.measures`, which are attributes of the point as well
    seeds: int = 1  # runs that were pooled
    between: float | None = None  # standard deviation of the seeds' accuracies; None where there is one seed

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - a number, or None where an older file lacks the column
        if name not in _NAMES:
            raise AttributeError(f"a point of a curve has no {name!r}")
        return self.__dict__["values"].get(name)

    def flat(self) -> dict[str, Any]:
        """As JSON values, with a key for each measure."""
        own = {part.name: getattr(self, part.name) for part in fields(self) if part.name != "values"}
        return own | {name: self.values.get(name) for name in _NAMES}


_NAMES = tuple(row.name for row in columns())


def wilson(mean: float, n: float) -> tuple[float, float]:
    """The 95% Wilson score interval of a share `mean` in 0 to 1 over `n` >= 1 trials, without continuity correction.

    Taken from the formula, not from scipy's count of successes, so that a metric with partial credit has one too
    (a wide one: no score between 0 and 1 varies more than right-or-wrong does).
    """
    shrink = 1 + Z95**2 / n
    centre = (mean + Z95**2 / (2 * n)) / shrink
    half = Z95 / shrink * math.sqrt(mean * (1 - mean) / n + Z95**2 / (4 * n**2))
    return min(mean, max(0.0, centre - half)), max(mean, min(1.0, centre + half))


def by_line(curve: Iterable[Point]) -> dict[str, dict[str, list[Point]]]:
    """Points by task and strategy, in their order."""
    lines: dict[str, dict[str, list[Point]]] = {}
    for point in curve:
        lines.setdefault(point.task, {}).setdefault(point.strategy, []).append(point)
    return lines


def labelled(curve: Iterable[Point], labels: Mapping[str, str]) -> list[Point]:
    """`curve` with what people read, `labels`, in the place of each strategy's id."""
    return [replace(point, strategy=labels.get(point.strategy, point.strategy)) for point in curve]


def heading(task: str, lines: Mapping[str, Sequence[Point]]) -> str:
    """What stands above a picture of one task's lines: problems, seeds, and what errors would make of an accuracy."""
    last = {name: line[-1] for name, line in lines.items()}
    said = [f"n = {_span(point.n for point in last.values())}"]
    if (seeds := _span(point.seeds for point in last.values())) != "1":
        said.append(f"{seeds} seeds")
    said += [
        f"{name} has {point.errors} error{'s' if point.errors > 1 else ''}: {100 * point.overall:.1f}% of all"
        for name, point in last.items()
        if point.errors and point.overall is not None and point.low is not None
    ]
    return f"{task}   ({', '.join(said)})"


def _span(numbers: Iterable[int]) -> str:
    found = sorted(set(numbers))
    return f"{found[0]}{f' to {found[-1]}' if len(found) > 1 else ''}"


def marked(line: Sequence[Point]) -> list[Point]:
    """The rungs to show of a long line: all up to eight, else the first, the last and powers of two between."""
    if len(line) <= 8:
        return list(line)
    return [point for place, point in enumerate(line, 1) if place & (place - 1) == 0 or place == len(line)]


def write_curve(path: Path, curve: Iterable[Point], header: Mapping[str, Any]) -> None:
    """Write curve.json: the same points and header give the same bytes.

    Raises:
        ValueError: the header holds a number that is not finite; nothing is written.
        OSError: `path` cannot be written.
    """
    data = {"schema": SCHEMA, "header": header, "points": [point.flat() for point in curve]}
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
        if schema == 1:
            return dict(header), _points([{**point, "overall": _overall(point)} for point in data["points"]])
        if schema == SCHEMA:
            return dict(header), _points([{**point} for point in data["points"]])
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}. Give the curve.json of a run.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is not a curve.json: {str(error)[:200]}. `tts-bench run` writes one.") from error
    raise UserError(f"{path} has curve schema {str(schema)[:80]}; this version reads 1 and {SCHEMA}. Repeat the run.")


def _points(found: Sequence[Mapping[str, Any]]) -> list[Point]:
    """Points of a file, which may lack columns that are newer than it."""
    needed = {row.name for row in columns() if row.required}
    for point in found:
        if missing := sorted(needed - point.keys()):
            raise ValueError(f"a point lacks {', '.join(missing)}")
    held = [
        {**point, "values": {name: point[name] for name in _NAMES if point.get(name) is not None}} for point in found
    ]
    return TypeAdapter(list[Point]).validate_python(held)


def _overall(point: Mapping[str, Any]) -> float | None:
    """What schema 1 left out, of a run without repeats."""
    everything = point["n"] + point["errors"]
    return (point["accuracy"] or 0.0) * point["n"] / everything if everything else None
