"""Everything in an entry that follows from something else in it: means, intervals and digests."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from hashlib import sha256
from math import fsum, isfinite
from typing import Any

import numpy as np

from tts_bench.analysis.arrays import Floats
from tts_bench.analysis.points import are_shares, share_interval
from tts_bench.measures import Measure, columns, mean, values_of


def summaries() -> list[Measure]:
    """What a rung holds beside its accuracy: what every entry has, then by name what older ones lack."""
    needed = [row for row in columns() if row.required]
    return needed + sorted((row for row in columns() if not row.required), key=lambda row: row.name)


def per_problem() -> list[Measure]:
    """What a rung holds of each problem beside its score: all that the others follow from."""
    return [row for row in summaries() if row.over is mean]


def packed(values: Iterable[float]) -> str:
    """A column as text: a digit for each problem where all are 0 or 1, else numbers with spaces between."""
    values = list(values)
    if {0.0, 1.0}.issuperset(values):
        return "".join("1" if value else "0" for value in values)
    if all(map(float.is_integer, values)) and max(map(abs, values)) < 2**53:
        return " ".join(map("{:.0f}".format, values))
    return " ".join(f"{value:.0f}" if value.is_integer() and abs(value) < 2**53 else repr(value) for value in values)


def unpacked(column: str, problems: int) -> list[float]:
    """The values of a column.

    Raises:
        ValueError: another number of values, a value that is not finite, or not the text that `packed` gives.
    """
    words: Iterable[str] = column.split(" ")
    if " " not in column and len(column) == problems:
        words = column
    values = [float(word) for word in words]
    if len(values) != problems:
        raise ValueError(f"it holds {len(values)} values for {problems} problems")
    if not all(map(isfinite, values)) or packed(values) != column:
        raise ValueError("it is not written as `add` writes it")
    return values


def complete(content: Mapping[str, Any], without: Collection[str] = ()) -> dict[str, Any]:
    """An entry with its measures, intervals and digests, from the rest of it.

    Columns that an entry may lack are recomputed where it has them; those named in `without` are left out. Sums are
    rounded once (`math.fsum`), so that the same values give the same digits on every machine.

    Raises:
        ValueError: with the place of a column that cannot be read.
    """
    tasks = {}
    for name, task in content["tasks"].items():
        strategies = {}
        for strategy, line in task["strategies"].items():
            place = f"tasks.{name}.strategies.{strategy}.rungs"
            left = {rung: _left(held, without) for rung, held in line["rungs"].items()}
            read = {rung: _columns(held, task["problems"], f"{place}.{rung}") for rung, held in left.items()}
            shares = all(are_shares(found["score"]) for found in read.values())
            rungs = {
                rung: sealed(_rung(held, read[rung], f"{place}.{rung}", shares=shares)) for rung, held in left.items()
            }
            strategies[strategy] = sealed({**line, "rungs": rungs})
        tasks[name] = sealed({**task, "strategies": strategies})
    return sealed({**content, "model": sealed(content["model"]), "run": sealed(content["run"]), "tasks": tasks})


def as_old_as(content: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """The entry `content` without the columns that no rung of `other` has, an entry that may be older."""
    held: set[str] = set()
    for task in other["tasks"].values():
        for line in task["strategies"].values():
            held.update(*line["rungs"].values(), *(rung["problems"] for rung in line["rungs"].values()))
    return complete(content, {row.name for row in summaries() if not row.required} - held)


def _left(rung: Mapping[str, Any], without: Collection[str]) -> dict[str, Any]:
    left = {name: value for name, value in rung.items() if name not in without}
    return left | {"problems": {name: value for name, value in rung["problems"].items() if name not in without}}


def _columns(held: Mapping[str, Any], problems: int, place: str) -> dict[str, Floats]:
    found: dict[str, Floats] = {}
    for name, column in held["problems"].items():
        try:
            values = unpacked(column, problems)
            fsum(values)
        except (ValueError, OverflowError) as error:
            raise ValueError(f"{place}.problems.{name}: {error}") from error
        found[name] = np.array(values)
    return found


def _rung(held: Mapping[str, Any], found: Mapping[str, Floats], place: str, *, shares: bool) -> dict[str, Any]:
    accuracy = mean(found["score"].tolist())
    low, high = share_interval(found["score"]) if shares else (None, None)
    measured = {}
    for row in summaries():
        if row.required or row.name in held:
            try:
                measured[row.name] = row.over(values_of(row, found).tolist())
            except KeyError as error:
                raise ValueError(f"{place}.problems.{error.args[0]}: it is missing") from error
    return {"accuracy": accuracy, "low": low, "high": high, **measured, "problems": held["problems"]}


def sealed(part: Mapping[str, Any]) -> dict[str, Any]:
    """`part` with the digest of all else in it as its last field."""
    content = {key: value for key, value in part.items() if key != "sha256"}
    return {**content, "sha256": digest(content)}


def digest(value: object) -> str:
    """SHA-256 of `value` as JSON without spaces, fields in their order."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()
