"""What is measured: one row for each number that records give, and all that reads, averages, names or shows it.

A rung's accuracy and its interval are not here: they come from lm-eval's scores and have statistics of their own.
Everything else that stands in a point of a curve, a column of a table, an entry of the leaderboard or its schema, an
axis, a legend or the table in docs/measures.md is made from these rows. A new column is a new row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import reduce
from math import fsum
from operator import add, attrgetter
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar

if TYPE_CHECKING:
    from tts_bench.records import AnswerRecord, Record

TOO_MUCH = 1.5  # times the bill: more than probe answers take
ABSENT = "-"  # a column that an older file lacks
Unit = Literal["tokens", "FLOPs", "share", "number"]
_TEXTS: dict[Unit, str] = {"tokens": "{:,.0f}", "FLOPs": "{:.3g}", "share": "{:.0%}", "number": "{:.3g}"}
Values = TypeVar("Values")
Read = Callable[["Record", "AnswerRecord"], float]


class Shown(IntEnum):
    """How far a measure is shown; each holds the ones before it."""

    NOWHERE = 0  # a part of others, or what profiles are made of
    FILES = 1  # curve.json, the JSON of `compare`, entries of the leaderboard
    PAGES = 2  # the report and the leaderboard
    WIDE = 3  # tables in the terminal, where there is room
    ALWAYS = 4


class Axis(NamedTuple):
    """A measure as what curves are drawn over."""

    name: str  # as it is typed
    unit: str  # after a number: "2.9 times the tokens"
    label: str  # below a curve


def mean(values: Sequence[float]) -> float:
    """Sums are rounded once: the same values give the same digits on every machine."""
    return fsum(values) / len(values)


def ninetieth(values: Sequence[float]) -> float:
    """The 90th percentile, on the straight line between the two values beside it (type 7 of Hyndman and Fan 1996)."""
    return quantiles(values, n=10, method="inclusive")[-1] if len(values) > 1 else values[0]


@dataclass(frozen=True)
class Measure:
    """One number of a rung. A problem's repeats and seeds are averaged first, then `over` goes over its problems."""

    name: str  # key in files, attribute of a point
    label: str  # above a column
    meaning: str  # in legends, the schema and docs
    unit: Unit
    shown: Shown = Shown.NOWHERE
    read: str | Read = ""  # of one answer: its attributes, or a function; "": the sum of `parts`
    parts: tuple[str, ...] = ()  # names of other rows
    over: Callable[[Sequence[float]], float] = mean
    short: str = ""  # above a column in a terminal, where `label` is long
    axis: Axis | None = None
    required: bool = False  # it is in every curve.json and entry that was ever written
    out_of: str = ""  # it is shown as so many of these, and not at all where there is none
    beside: str = ""  # it is of the whole record, and shown beside the bill of the last rung

    @property
    def reader(self) -> Read:
        """Reads one answer. Only for a row that is no sum of others."""
        if callable(self.read):
            return self.read
        found = attrgetter(self.read)
        return lambda record, answer: float(found(answer))

    @property
    def heading(self) -> str:
        """Above a column in a terminal."""
        return self.short or self.label

    @property
    def legend(self) -> str:
        """What it means, and its mark where it has one."""
        return self.meaning + (f" (!: over {TOO_MUCH:g} times the bill)" if self.beside else "")

    def of(self, held: Any) -> float | None:  # noqa: ANN401 - a point of a curve or a rung of an entry
        """The measure of `held`, which has it under its name; None where an older file lacks it."""
        found: float | None = getattr(held, self.name, None)
        return found

    def text(self, held: Any, between: str = " of ", *, last: bool = True) -> str:  # noqa: ANN401 - as in `of`
        """How it is written. `last` says whether `held` is the last rung of its strategy."""
        value = self.of(held)
        if value is None:
            return ABSENT
        if self.beside and not last:
            return ""
        text = _TEXTS[self.unit].format(value)
        if self.out_of:
            whole = float(getattr(held, self.out_of))
            return f"{text}{between}{_TEXTS[self.unit].format(whole)}" if whole else ""
        return f"{text} !" if self.too_much(held) else text

    def too_much(self, held: Any) -> bool:  # noqa: ANN401 - as in `of`
        """Whether it is so far above what it stands beside that a reader has to know."""
        return bool(self.beside) and (self.of(held) or 0.0) > TOO_MUCH * float(getattr(held, self.beside)) > 0


MEASURES = (
    Measure("thinking", "thinking", "tokens sampled while thinking", "tokens", read="cost.thinking"),
    Measure("answer", "answer", "tokens sampled while answering", "tokens", read="cost.answer"),
    Measure(
        "generated",
        "tokens",
        "tokens sampled, inserted, and read beyond the task's prompt",
        "tokens",
        Shown.ALWAYS,
        parts=("thinking", "forced", "answer", "context", "probe", "discarded", "judge"),
        axis=Axis("tokens", "tokens", "mean generated tokens per problem"),
        required=True,
    ),
    Measure(
        "generated_median",
        "median",
        "median tokens per problem",
        "tokens",
        Shown.WIDE,
        parts=("generated",),
        over=median,
    ),
    Measure(
        "generated_p90",
        "p90",
        "90th percentile of tokens per problem",
        "tokens",
        Shown.WIDE,
        parts=("generated",),
        over=ninetieth,
    ),
    Measure(
        "spent",
        "spent",
        "all tokens generated, billed or not",
        "tokens",
        Shown.ALWAYS,
        read=lambda record, answer: record.spent.generated,
        beside="generated",
    ),
    Measure(
        "sequential",
        "sequential",
        "tokens on the critical path",
        "tokens",
        Shown.PAGES,
        read="cost.sequential",
        axis=Axis("sequential", "sequential tokens", "mean tokens on the critical path"),
        required=True,
    ),
    Measure(
        "prompt",
        "prompt",
        "prompt tokens",
        "tokens",
        Shown.PAGES,
        read="cost.prompt",
        axis=Axis("prompt", "prompt tokens", "mean prompt tokens per problem"),
        required=True,
    ),
    Measure(
        "total",
        "total",
        "prompt and generated tokens",
        "tokens",
        parts=("prompt", "generated"),
        axis=Axis("total", "tokens", "prompt and generated tokens per problem"),
    ),
    Measure(
        "forced",
        "forced",
        "inserted tokens",
        "tokens",
        Shown.FILES,
        read="cost.forced",
        required=True,
    ),
    Measure(
        "context",
        "context",
        "prompt tokens beyond the length of the task's prompt",
        "tokens",
        Shown.FILES,
        read="cost.context",
    ),
    Measure(
        "probe",
        "probe",
        "tokens inserted and sampled in probes",
        "tokens",
        Shown.FILES,
        read="cost.probe",
    ),
    Measure(
        "discarded",
        "discarded",
        "tokens of thinking that was cut, killed or left unfinished",
        "tokens",
        Shown.FILES,
        read="cost.discarded",
    ),
    Measure(
        "judge",
        "judge",
        "tokens sampled by scorers",
        "tokens",
        Shown.FILES,
        read="cost.judge",
    ),
    Measure(
        "verifier",
        "verifier",
        "tokens read by scorers, in no axis of tokens",
        "tokens",
        Shown.FILES,
        read="cost.verifier",
    ),
    Measure(
        "flops",
        "FLOPs",
        "FLOPs of parameters and attention, prefill and scorers included",
        "FLOPs",
        Shown.PAGES,
        read="cost.flops",
        axis=Axis("flops", "FLOPs", "mean FLOPs per problem (parameters and attention)"),
        required=True,
    ),
    Measure(
        "truncated",
        "truncated",
        "thinking reached its budget",
        "share",
        Shown.ALWAYS,
        read="truncated",
        short="trunc",
        required=True,
    ),
    Measure(
        "no_answer",
        "no answer",
        "no answer extracted",
        "share",
        Shown.ALWAYS,
        read=lambda record, answer: answer.extracted is None,
        short="no ans",
        required=True,
    ),
    Measure(
        "cues_wanted",
        "cues wanted",
        "cues requested",
        "number",
        Shown.FILES,
        read="cues_wanted",
        required=True,
    ),
    Measure(
        "cues",
        "cues",
        "mean number inserted/requested",
        "number",
        Shown.ALWAYS,
        read="cues",
        out_of="cues_wanted",
        required=True,
    ),
)


def columns(shown: Shown = Shown.FILES) -> list[Measure]:
    """What is shown at least so far, in its order."""
    return [row for row in MEASURES if row.shown >= shown]


def costs(shown: Shown) -> list[Measure]:
    """Those in tokens: what stands beside accuracies that are compared."""
    return [row for row in columns(shown) if row.unit == "tokens"]


def named(name: str) -> Measure:
    """The row called `name`."""
    return next(row for row in MEASURES if row.name == name)


def values_of(row: Measure, held: Mapping[str, Values]) -> Values:
    """The values of `row`: its own in `held`, or the sum of its parts.

    Raises:
        KeyError: neither is there.
    """
    if row.name in held or not row.parts:
        return held[row.name]
    return reduce(add, (values_of(named(part), held) for part in row.parts))


def weights(row: Measure) -> dict[str, float]:
    """What `row` adds up of what files hold: name of a column -> 1."""
    if row.shown >= Shown.FILES:
        return {row.name: 1.0}
    return {name: 1.0 for part in row.parts for name in weights(named(part))}
