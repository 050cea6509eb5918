"""What `tts-bench compare --front` prints: of each task a row for each budget of compute."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.text import Text

from tts_bench.analysis.compute import ComputeAxis
from tts_bench.analysis.front import Budget
from tts_bench.present.comparison import table
from tts_bench.text import only_ascii, safe

_NAMED = 3  # strategies that a cell names; the file of --out has all
COLUMNS = ("budget", "best", "accuracy", "spends", "not told apart", "worse", "dearer")


def show(found: Sequence[Budget], axis: ComputeAxis, notes: Sequence[str], console: Console) -> None:
    """Print the budgets of each task, how to read them and what is left out."""
    ascii_only = only_ascii(console.encoding)
    for task in dict.fromkeys(budget.task for budget in found):
        those = [budget for budget in found if budget.task == task]
        title = f"{task}, {those[0].problems:,} problems: the best strategy of each budget of {axis.unit}"
        console.print(table(title, COLUMNS, rows(those), ascii_only, console.width, wrapped=(1, 4)))
    console.print(Text(safe(" ".join([reading(found, axis), *notes]), ascii_only=ascii_only)))


def rows(found: Sequence[Budget]) -> list[list[str]]:
    """Cells of a table, one row for each budget; see `COLUMNS`."""
    return [
        [
            _count(budget.budget),
            f"{budget.name} at {budget.rung}",
            _accuracy(budget),
            _count(budget.compute),
            _few([f"{rival.name} at {rival.rung}" for rival in budget.level]),
            str(len(budget.rivals) - len(budget.level)),
            str(len(budget.dearer)) if budget.dearer else "",
        ]
        for budget in found
    ]


def _accuracy(budget: Budget) -> str:
    measured = (budget.accuracy, budget.low, budget.high)
    mean, low, high = (f"{100 * value:.1f}" if budget.share else f"{value:.3g}" for value in measured)
    return f"{mean} [{low}, {high}]"


def reading(found: Sequence[Budget], axis: ComputeAxis, everything: str = "--out") -> str:
    """How the table is read, and what it leaves out, all of which `everything` has."""
    hidden = any(len(budget.level) > _NAMED for budget in found)
    left_out = f" At most {_NAMED} of these are named, the most accurate first; {everything} has all." if hidden else ""
    return (
        f"Each strategy is taken at its dearest rung that costs at most the budget ({axis.label}). best: the most "
        f"accurate of them, with the 95% interval of its accuracy, which is a little too high, since it was picked on "
        f"these problems. not told apart: no significant difference from the best (paired tests, corrected by Holm "
        f"within the budget).{left_out} worse: strategies significantly below the best; dearer: strategies without a "
        f"rung within the budget."
    )


def document(found: Sequence[Budget]) -> list[dict[str, Any]]:
    """All of it as JSON values, the names of those not told apart among them."""
    return [{**asdict(budget), "not_told_apart": [rival.name for rival in budget.level]} for budget in found]


def _few(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join([*names[:_NAMED], *([f"and {more} more"] if more > 0 else [])])


def _count(number: float) -> str:
    return f"{number:,.0f}" if number < 1e7 else f"{number:.2e}"
