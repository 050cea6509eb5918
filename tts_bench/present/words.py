"""A comparison in words: what the data support, and what they do not."""

from __future__ import annotations

from collections.abc import Sequence

from tts_bench.analysis import controls
from tts_bench.analysis.family import Comparison, Statement

_MOST = 12  # sentences of a task


def paragraphs(comparison: Comparison) -> list[str]:
    """What is said and how to read it: one paragraph, or one for each task and one more. Names come as they are."""
    tasks = list(dict.fromkeys(statement.task for statement in comparison.statements))
    if len(tasks) < 2:
        return [" ".join([*_first(sentences(comparison)), reading(comparison)])]
    said = {task: [s for s in surest(comparison) if s.task == task] for task in tasks}
    return [
        *(
            " ".join(_first([sentence(s, comparison, name_task=not place) for place, s in enumerate(statements)]))
            for statements in said.values()
        ),
        reading(comparison),
    ]


def _first(sentences: Sequence[str]) -> list[str]:
    """All sentences that somebody reads through; of more the surest, and where the others are."""
    if len(sentences) <= _MOST:
        return list(sentences)
    return [*sentences[:_MOST], f"The other {len(sentences) - _MOST} differences are in the table only."]


def surest(comparison: Comparison) -> list[Statement]:
    """The statements, the surest first."""
    return sorted(comparison.statements, key=lambda s: (s.adjusted, s.kind, -abs(s.difference)))


def sentences(comparison: Comparison) -> list[str]:
    """A sentence for each statement, the surest first."""
    several = len({statement.task for statement in comparison.statements}) > 1
    return [sentence(statement, comparison, name_task=several) for statement in surest(comparison)]


def reading(comparison: Comparison) -> str:
    """How intervals and p-values are to be read, and what was left out."""
    said = [f"Intervals are from {comparison.resamples:,} bootstrap resamples of the problems{_seeds(comparison)}."]
    family = len(comparison.statements)
    if family > 1:
        said.append(f"p-values are corrected by Holm over these {family} differences, intervals are not.")
    if not all(statement.share for statement in comparison.statements):
        said.append("Where scores are not from 0 to 1, differences are in the metric's own unit, not in points.")
    return " ".join([*said, *comparison.notes, *controls.sentences(comparison.unmatched, comparison.axis.unit)])


def _seeds(comparison: Comparison) -> str:
    """Over how many seeds values are means, and of which strategies where it is not true of all."""
    names: dict[int, list[str]] = {}
    for name, seeds in comparison.seeds.items():
        names.setdefault(seeds, []).append(name)
    if set(names) == {1}:
        return ""
    if len(names) == 1:
        return f", each the mean of {next(iter(names))} seeds"
    said = (f"{number} of {', '.join(pooled)}" for number, pooled in sorted(names.items(), reverse=True))
    return f", means over seeds ({'; '.join(said)})"


def sentence(statement: Statement, comparison: Comparison, *, name_task: bool = False) -> str:
    """One statement as a sentence."""
    where = f"On {statement.task}, " if name_task else ""
    left, right = _arm(statement.left, statement.left_rung), _arm(statement.right, statement.right_rung)
    above = "above" if statement.difference >= 0 else "below"
    size = f"{_size(statement, abs(statement.difference))} {above} {right}"
    interval = f"95% {_signed(statement, statement.low)} to {_signed(statement, statement.high)}"
    pairs = f"{statement.problems:,} paired problems"
    facts = f"{interval}, {p_text(statement.adjusted)}, {pairs}"
    cost = _cost(statement, comparison.axis.unit)
    if statement.significant:
        return f"{where}{left} is {size} {cost} ({facts})."
    power = "no difference is detectable on so few problems"
    if statement.detectable is not None:
        power = f"detectable with 80% power: {_size(statement, statement.detectable)}"
    measured = _signed(statement, statement.difference)
    no = "no significant difference" if name_task else "No significant difference"
    return f"{where}{no} between {left} and {right} {cost}: {measured} ({facts}; {power})."


def _arm(name: str, rung: str) -> str:
    return f"{name} at {rung}"


def _cost(statement: Statement, unit: str) -> str:
    if statement.kind == "matched" or controls.alike(statement.ratio, 1.0):
        amount = statement.compute  # FLOPs are written as powers of ten, and thousands of tokens are not
        return f"at the same {unit} ({amount:,.0f})" if 1000 <= amount < 1e6 else f"at the same {unit} ({amount:.3g})"
    times = f"{statement.ratio:.2g}"
    return f"at {times if times != '1' else f'{statement.ratio:.3g}'} times the {unit}"  # 1.02, and not 1


def _size(statement: Statement, value: float) -> str:
    """A difference with its unit; of scores that are no shares in the metric's own, which has no name."""
    return f"{100 * value:z.1f} points" if statement.share else f"{value:z.3g}"


def _signed(statement: Statement, value: float) -> str:
    return f"{100 * value:+z.1f}" if statement.share else f"{value:+z.3g}"


def p_text(p: float) -> str:
    """A p-value as it is printed."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"


def rows(statements: Sequence[Statement]) -> list[list[str]]:
    """Cells of a table, one row for each statement; see `COLUMNS`."""
    return [
        [
            f"{_arm(s.left, s.left_rung)} - {_arm(s.right, s.right_rung)}",
            "same" if s.kind == "matched" else f"x {s.ratio:.2f}",
            _signed(s, s.difference),
            f"[{_signed(s, s.low)}, {_signed(s, s.high)}]",
            p_text(s.p).removeprefix("p ").removeprefix("= "),
            p_text(s.adjusted).removeprefix("p ").removeprefix("= "),
            f"{s.better}/{s.worse}",
            "none" if s.detectable is None else _size(s, s.detectable).removesuffix(" points"),
        ]
        for s in statements
    ]


COLUMNS = ("difference", "compute", "points", "95%", "p", "Holm", "+/-", "MDE")
