"""What the data of a report's runs support, in the words of `tts-bench compare`, and its problems' right answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tts_bench import foreign
from tts_bench.analysis.runs import RunData
from tts_bench.errors import UserError
from tts_bench.files import file_name

if TYPE_CHECKING:
    from tts_bench.analysis.front import Budget


@dataclass(frozen=True)
class Pooled:
    """What a study says of its runs."""

    verdicts: dict[str, Any]  # as `verdicts` gives them, with `pooled`, and `panel` and `place` in each point
    labels: dict[str, str]  # what it calls its strategies, by id


def verdicts(runs: Sequence[RunData]) -> dict[str, Any]:
    """`sentences`, the surest first, and `reading`, how to read them; of runs that are not compared, why not.

    `points` are those of `tts-bench compare`: seeds are taken together, votes are expectations over all votes of k.
    `front` has the rows of `compare --front`, and `front_reading` how to read them.
    """
    from tts_bench.analysis.compare import compare
    from tts_bench.analysis.front import front
    from tts_bench.analysis.series import curve_of, series_of
    from tts_bench.present.words import reading, sentences

    try:
        series, notes = series_of(runs, advice="tts-bench compare has an option for such runs: --allow-different.")
        comparison = compare(series)
    except UserError as error:
        return {"sentences": [], "reading": f"Nothing is compared here: {error}", "points": [], "front": []}
    return {
        "sentences": sentences(comparison),
        "reading": " ".join([reading(comparison), *notes]),
        "points": [point.flat() for point in curve_of(series)],
        **of_front(front(series)),
    }


def of_front(budgets: Sequence[Budget]) -> dict[str, Any]:
    """`front` and `front_reading`, as `verdicts` gives them."""
    from tts_bench.analysis.compute import GENERATED
    from tts_bench.present import front

    rows = [
        {"task": budget.task, "numbers": [budget.budget, budget.accuracy, budget.compute], "cells": cells}
        for budget, cells in zip(budgets, front.rows(budgets), strict=True)
    ]
    return {"front": rows, "front_reading": front.reading(budgets, GENERATED, "tts-bench compare --front --out")}


def golds(folder: Path, task: str) -> dict[int, str]:
    """The right answer of each document, as lm-eval's samples in a run's folder have it; none where there are none.

    The samples of one rung of each strategy are read: a strategy that failed on a document has none of it.

    Raises:
        UserError: with file and line, a sample that is none.
    """
    found: dict[int, str] = {}
    for strategy in sorted((folder / "lm_eval").glob("*")):
        rungs = sorted(strategy.iterdir()) if strategy.is_dir() else []
        paths = [path for rung in rungs if (path := rung / f"samples_{file_name(task)}.jsonl").is_file()]
        for path in paths[:1]:
            number = 1
            try:
                for number, line in enumerate(foreign.lines(path), 1):  # noqa: B007 - told where one is wrong
                    sample = foreign.parse(line)
                    found.setdefault(int(sample["doc_id"]), str(sample["target"]))
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise UserError(f"{path}, line {number} is not an lm-eval sample. Repeat the run's command.") from error
    return found
