"""Everything in an entry that follows from something else in it: means, intervals and digests."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from math import fsum, isfinite
from typing import Any

import numpy as np

from tts_bench.analysis.compute import COSTS
from tts_bench.analysis.points import share_interval

MEASURES = (*COSTS, "truncated", "no_answer", "cues_wanted", "cues")  # beside the score


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


def complete(content: Mapping[str, Any]) -> dict[str, Any]:
    """An entry with its means, intervals and digests, from the rest of it.

    Sums are rounded once (`math.fsum`), so that the same values give the same digits on every machine.

    Raises:
        ValueError: with the place of a column that cannot be read.
    """
    tasks = {}
    for name, task in content["tasks"].items():
        strategies = {}
        for strategy, line in task["strategies"].items():
            rungs = {
                rung: sealed(
                    _rung(held["problems"], task["problems"], f"tasks.{name}.strategies.{strategy}.rungs.{rung}")
                )
                for rung, held in line["rungs"].items()
            }
            strategies[strategy] = sealed({**line, "rungs": rungs})
        tasks[name] = sealed({**task, "strategies": strategies})
    return sealed({**content, "model": sealed(content["model"]), "run": sealed(content["run"]), "tasks": tasks})


def _rung(columns: Mapping[str, str], problems: int, place: str) -> dict[str, Any]:
    means = {}
    for name in ("score", *MEASURES):
        try:
            means[name] = fsum(unpacked(columns[name], problems)) / problems
        except (ValueError, OverflowError) as error:
            raise ValueError(f"{place}.problems.{name}: {error}") from error
    accuracy = means.pop("score")
    scores = np.array(unpacked(columns["score"], problems))
    low, high = share_interval(scores) if 0 <= accuracy <= 1 else (None, None)
    return {"accuracy": accuracy, "low": low, "high": high, **means, "problems": dict(columns)}


def sealed(part: Mapping[str, Any]) -> dict[str, Any]:
    """`part` with the digest of all else in it as its last field."""
    content = {key: value for key, value in part.items() if key != "sha256"}
    return {**content, "sha256": digest(content)}


def digest(value: object) -> str:
    """SHA-256 of `value` as JSON without spaces, fields in their order."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()
