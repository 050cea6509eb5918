"""A plan: what a run will take, and what it could show, as tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.filesize import decimal
from rich.text import Text

from tts_bench.analysis.compare import compare
from tts_bench.analysis.power import Prospect, prospects
from tts_bench.analysis.series import series_of
from tts_bench.errors import UserError
from tts_bench.present.comparison import table
from tts_bench.runs.pilot import Estimate, Forecast, Played
from tts_bench.text import only_ascii, safe

_HOUR = 3600.0


@dataclass(frozen=True)
class Plan:
    """A forecast with what the run could show."""

    forecast: Forecast
    prospects: list[Prospect]
    seeds: int
    difference: float | None  # that somebody wants to find
    elsewhere: dict[str, Estimate]  # hours on other machines, by name
    unsaid: str  # why there are no prospects
    untold: dict[str, int]  # task whose scores are not from 0 to 1 -> its differences, which have no prospects


def plan(played: Played, *, seeds: int, difference: float | None, rates: Mapping[str, float]) -> Plan:
    """What a pilot says of its run, of its repetition with so many seeds, and of machines with other rates."""
    forecast, found, unsaid, untold = played.forecast, list[Prospect](), "", dict[str, int]()
    sizes = {task: total for task, (_, total) in played.data.so_far.items()}
    try:
        series, _ = series_of([played.data])
        statements = compare(series, resamples=1000).statements
        found = prospects(statements, sizes, seeds=seeds, difference=difference)
        untold = dict(Counter(one.task for one in statements if not one.share))
    except UserError as error:
        unsaid = str(error)
    hours = {name: forecast.tokens.times(seeds / rate / _HOUR) for name, rate in rates.items()}
    return Plan(forecast, found, seeds, difference, hours, unsaid, untold)


def content(plan: Plan) -> dict[str, Any]:
    """All numbers of a plan as JSON values: tokens, seconds, bytes, shares and problems."""
    return asdict(plan)


def show(plan: Plan, console: Console) -> None:
    """Print what the run takes, and what it could show."""
    ascii_only = only_ascii(console.encoding)
    of = plan.forecast
    title = f"what {of.problems:,} problems will take, from a pilot of {of.pilot:,}"
    console.print(table(title, ("", "estimate", "95%"), _costs(plan), ascii_only, console.width))
    rate = f" at {of.rate:,.0f} tokens/s" if of.rate else ""
    console.print(Text(f"The pilot generated {of.made:,} tokens{rate}; the run will find them in the store."))
    if plan.unsaid:
        console.print(Text(safe(f"No comparison: {plan.unsaid}")))
        return
    for task in dict.fromkeys(one.task for one in plan.prospects):
        rows = [_row(one, plan) for one in plan.prospects if one.task == task]
        wanted = () if plan.difference is None else (f"n for {100 * plan.difference:g}",)
        heading = f"{task}: differences detectable with 80% power, in points"
        columns = ("difference", "compute", "pilot", "detectable", "at worst", *wanted)
        console.print(table(heading, columns, rows, ascii_only, console.width))
    for task in plan.untold:
        console.print(Text(safe(f"{task}: nothing is foretold of scores that are not from 0 to 1.")))
    if plan.prospects:
        console.print(Text(_reading(plan)))


def _costs(plan: Plan) -> list[tuple[str, str, str]]:
    of, seeds = plan.forecast, plan.seeds
    rows = [("tokens", *_of(of.tokens.times(seeds), _count))]
    if of.seconds is None:
        rows.append(("time here", "not measured: the store had all of the pilot", ""))
    else:
        rows.append(("time here", *_of(of.seconds.times(seeds), _duration)))
    rows += [(f"time on {name}", *_of(hours.times(_HOUR), _duration)) for name, hours in plan.elsewhere.items()]
    rows.append(("run folder", *_of(of.records.times(seeds), _size)))
    if of.store is not None:
        rows.append(("store", *_of(of.store.times(seeds), _size)))
    rows.append(("memory of the pilot", _size(of.memory) if of.memory else "not measured", ""))
    return rows


def _of(estimate: Estimate, text: Any) -> tuple[str, str]:  # noqa: ANN401 - a function of a number
    return text(estimate.value), f"{text(estimate.low)} to {text(estimate.high)}"


def _count(value: float) -> str:
    return f"{value:,.0f}"


def _size(value: float) -> str:
    return decimal(round(value))


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:,.0f} s"
    return f"{seconds / 60:,.1f} min" if seconds < 2 * _HOUR else f"{seconds / _HOUR:,.1f} h"


def _row(one: Prospect, plan: Plan) -> tuple[str, ...]:
    compute = "same" if one.kind == "matched" else "last"
    shown = (f"{one.left} - {one.right}", compute, f"{100 * one.square:.0f}%")
    found = tuple("none" if value is None else f"{100 * value:.1f}" for value in (one.detectable, one.detectable_high))
    if plan.difference is None:
        return (*shown, *found)
    needed = tuple("over 10M" if value is None else f"{value:,}" for value in (one.needed, one.needed_high))
    return (*shown, *found, " to ".join(needed))


def _reading(plan: Plan) -> str:
    family, seeds = len(plan.prospects) + sum(plan.untold.values()), ""
    if plan.seeds > 1:
        seeds = (
            f" With {plan.seeds} seeds, detectable is for seeds that are independent, at worst for seeds that agree."
        )
    return (
        "last: last rung against last rung; same: at equal compute; pilot: share of problems that tell the two apart "
        "(of means: variance of the difference), with half a problem added (Jeffreys' prior). At worst: at its 95% "
        f"upper bound. Tests are those of compare, at Holm's first step over {family} differences.{seeds}"
    )
