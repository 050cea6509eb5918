"""The leaderboard as a list of blocks, which `markdown` and `html` write down each in its own way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tts_bench.measures import ABSENT, Shown, columns
from tts_bench.present.leaderboard.command import arguments
from tts_bench.present.leaderboard.entry import Entry, Rung
from tts_bench.present.leaderboard.figure import figure
from tts_bench.present.leaderboard.making import slug
from tts_bench.present.leaderboard.ranking import TOLD, Ranking, Row, rankings
from tts_bench.present.words import p_text


@dataclass(frozen=True)
class Name:
    """Text from an entry: data, whatever it says. `href` is a path that we made."""

    text: str
    href: str | None = None


Words = Sequence[str | Name]  # strings are ours and hold no markup


@dataclass(frozen=True)
class Heading:
    level: int
    words: Words


@dataclass(frozen=True)
class Paragraph:
    words: Words


@dataclass(frozen=True)
class Bullets:
    items: Sequence[Words]


@dataclass(frozen=True)
class Cells:
    """A table. Its first column and columns of names are left-aligned, numbers are not."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str | Name]]
    summary: str = ""  # with one, the table is folded away below it


@dataclass(frozen=True)
class Figure:
    path: str
    alt: str
    svg: str


@dataclass(frozen=True)
class Command:
    text: str


Parses = Callable[[list[str]], bool]  # whether these are arguments of tts-bench
Block = Heading | Paragraph | Bullets | Cells | Figure | Command

_ABOUT = (
    "Each row is a strategy at its last rung, which was fixed before the run. Accuracies are lm-eval's, with 95% "
    "Wilson intervals. Tokens are sampled and forced tokens, averaged over problems."
)
_RANKS = (
    f"A row gets its own rank only if it differs significantly from the row above in a paired test on the same "
    f"problems (exact McNemar test, or sign flips if scores are not 0 or 1; p below {TOLD}, corrected by Holm over the "
    f"table). Rows with = share a rank with the row above or below: their difference is not significant, whatever "
    f"their order. The first and last row of a longer tie might differ significantly if tested directly."
)
_SHOWN = columns(Shown.PAGES)
_LEGEND = f"{'; '.join(f'{row.label}: {row.legend}' for row in _SHOWN)}. {ABSENT}: the entry is older than the column."
_HOW = (
    "All numbers are recomputed from the per-problem values in entries/ by",
    Name("tts-bench leaderboard check"),
    "and nothing here is typed by hand. docs/leaderboard.md explains how to add a run.",
)
_COLUMNS = (
    "rank",
    "strategy",
    "rung",
    "accuracy",
    "95%",
    "p to row above",
    *(_LABELS := tuple(row.label for row in _SHOWN)),
)
_NO_COMMAND = "The command is not shown, because this version of tts-bench cannot parse it."


def document(entries: Mapping[str, Entry], parses: Parses) -> list[Block]:
    """The whole leaderboard. `entries` are by file name; of their commands, those are shown that `parses` takes."""
    blocks: list[Block] = [
        Heading(1, ["Leaderboard"]),
        *(Paragraph([said]) for said in (_ABOUT, _LEGEND, _RANKS)),
        Paragraph(_HOW),
    ]
    if not entries:
        return [*blocks, Paragraph(["There is no entry yet."])]
    for ranking in rankings(entries):
        blocks += _ranking(ranking)
    blocks.append(Heading(2, ["Runs"]))
    for name, entry in sorted(entries.items()):
        blocks += _run(name, entry, parses)
    return blocks


def _ranking(ranking: Ranking) -> list[Block]:
    part = ranking.part
    rungs: list[list[str | Name]] = [
        [Name(name), Name(rung), *_measured(held, last=rung == row.rung[0])]
        for name, row in zip(ranking.names, ranking.rows, strict=True)
        for rung, held in row.line.rungs.items()
    ]
    path = f"curves/{slug(ranking.model)}-{slug(ranking.task)}-{ranking.key[:8]}.svg"
    return [
        Heading(2, [Name(ranking.model), "on", Name(ranking.task)]),
        Paragraph(
            [
                f"{part.problems:,} problems, metric",
                Name(part.metric),
                "of data",
                Name(part.data[:12]),
                "and prompts",
                Name(part.prompts[:12]),
                "with thinking format",
                Name(ranking.thinking_format),
            ]
        ),
        Cells(
            (*_COLUMNS, "seed", "run"),
            [_ranked(row) for row in ranking.rows],
        ),
        Figure(path, "Accuracy against generated tokens; the table below has every point", figure(ranking)),
        Cells(("strategy", "rung", "accuracy", "95%", *_LABELS), rungs, summary="Every rung"),
    ]


def _ranked(row: Row) -> list[str | Name]:
    rung, held = row.rung
    accuracy, interval, *rest = _measured(held)
    p = "" if row.p is None else p_text(row.p).removeprefix("p ").removeprefix("= ")
    return [
        f"{row.rank}{'=' if row.tied else ''}",
        Name(row.line.label),
        Name(rung),
        accuracy,
        interval,
        p,
        *rest,
        str(row.seed),
        Name(row.entry.removesuffix(".json"), f"entries/{row.entry}"),
    ]


def _measured(rung: Rung, *, last: bool = True) -> list[str]:
    share = rung.low is not None and rung.high is not None
    return [
        f"{100 * rung.accuracy:.1f}" if share else f"{rung.accuracy:.4g}",
        f"{100 * (rung.low or 0):.1f} to {100 * (rung.high or 0):.1f}" if share else "",
        *(row.text(rung, last=last) for row in _SHOWN),
    ]


def _run(name: str, entry: Entry, parses: Parses) -> list[Block]:
    run, model = entry.run, entry.model
    sampling = [f"{phase}: {', '.join(f'{k} {v:g}' for k, v in how.items())}" for phase, how in run.sampling.items()]
    facts: list[Words] = [
        ["model", Name(model.name), f"with {model.parameters:,} parameters,", Name(model.source)],
        *[("note:", Name(note)) for note in model.notes],
        ["sampling", Name("; ".join(sampling)), f"and seed {run.seed}"],
        [f"at most {run.max_thinking_tokens:,} tokens of thinking and {run.max_answer_tokens:,} of answer"],
        ["engine", Name(", ".join(f"{key} {value}" for key, value in run.engine.items()))],
        ["versions", Name(", ".join(f"{package} {version}" for package, version in run.versions.items()))],
        ["SHA-256 of the records", Name(run.records), "and of the model", Name(model.fingerprint)],
    ]
    heading = Heading(3, [Name(name.removesuffix(".json"), f"entries/{name}")])
    words = arguments(run.command)
    if run.command is None or words is None or not parses(words):
        return [heading, Paragraph([_NO_COMMAND]), Bullets(facts)]
    return [heading, Command(run.command), Bullets(facts)]
