"""A pilot: some problems of a run, played as the run will play them, and what all of them will take.

What a pilot generates is in the run's store: the run that follows makes none of it again.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from math import fsum, sqrt
from typing import Any

from tts_bench.analysis.runs import Numbers, RunData
from tts_bench.core.scheduler import Scheduler
from tts_bench.core.scoring import Scoring
from tts_bench.core.store import Store
from tts_bench.engine import Generation, Request
from tts_bench.lm_eval import replay
from tts_bench.lm_eval.rungs import Rungs
from tts_bench.records import Record, to_line
from tts_bench.runs.folder import SCHEMA
from tts_bench.runs.run import Progress, Run
from tts_bench.solving import loop
from tts_bench.solving.solve import Item

_FEWEST = 2  # of each task: fewer have no spread
_SECONDS = 5.0  # that a pilot's engine works at least: a rate of less is that of its first calls
_LOOKS = 0.05  # seconds between looks at the tokens made
_GOLDEN = (sqrt(5) - 1) / 2

Document = tuple[str, int]


@dataclass(frozen=True)
class Estimate:
    """A number that is foretold, with its 95% interval."""

    value: float
    low: float
    high: float

    def times(self, factor: float, low: float | None = None, high: float | None = None) -> Estimate:
        """The product with a factor, which may have bounds of its own."""
        return Estimate(
            self.value * factor,
            self.low * (factor if low is None else low),
            self.high * (factor if high is None else high),
        )

    def plus(self, amount: float) -> Estimate:
        return Estimate(self.value + amount, self.low + amount, self.high + amount)


@dataclass(frozen=True)
class Forecast:
    """What a run will take, from its pilot."""

    pilot: int  # problems played
    problems: int  # of the run
    made: int  # tokens that the pilot generated; the others it found in the store
    tokens: Estimate  # of the whole run, the pilot's among them
    rate: float  # tokens a second of the engine at work; 0 where the pilot generated nothing
    seconds: Estimate | None  # of the run that follows, on this machine; None where there is no rate
    memory: int  # bytes that this process and its largest worker had at most
    records: Estimate  # bytes of the run's folder
    store: Estimate | None  # bytes of the store; None where it is empty


@dataclass(frozen=True)
class Played:
    """A pilot that was played: what it took, and its scored answers."""

    forecast: Forecast
    data: RunData


_item: ContextVar[Document] = ContextVar("item")


class _Tallying(Scheduler):
    """A scheduler that knows how many tokens each document needs, each generation counted once."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.lengths: dict[Document, dict[bytes, int]] = defaultdict(dict)

    async def generate(self, request: Request) -> Generation:
        found = await super().generate(request)
        key, of_document = self.key(request), self.lengths[_item.get()]
        of_document[key] = max(of_document.get(key, 0), len(found.tokens))
        return found


def chosen(items: Sequence[Item]) -> list[list[Item]]:
    """The items of each document, in an order whose every beginning is spread over all tasks and all of each.

    A task's documents are ordered by the length of their prompts, with which tokens often go, and taken by multiples of
    the golden ratio; tasks take turns by their sizes, after two of each.
    """
    documents: dict[str, dict[int, list[Item]]] = defaultdict(lambda: defaultdict(list))
    for item in items:
        documents[item.task][item.doc_id].append(item)
    keyed: list[tuple[float, list[Item]]] = []
    for of_task in documents.values():
        groups = sorted(of_task.values(), key=lambda group: len(group[0].prompt))
        places = dict.fromkeys(int((k + 0.5) * _GOLDEN % 1.0 * len(groups)) for k in range(4 * len(groups)))
        for rank, place in enumerate([*places, *(set(range(len(groups))) - places.keys())]):
            keyed.append((-1.0 if rank < _FEWEST else (rank + 0.5) / len(groups), groups[place]))
    return [group for _, group in sorted(keyed, key=lambda pair: pair[0])]


def play(run: Run, problems: int, progress: Progress, *, loaded: float) -> Played:
    """Play a pilot of so many problems, and of more where the engine is done with these within five seconds.

    `loaded` is the time in seconds that it took to load the run, which the run that follows takes again.

    Raises:
        StoreError, UserError, OSError: as `Run.execute`.
    """
    groups = chosen(run.items)
    with Store(run.store) as store:
        scheduler = _Tallying(run.model.engine, store)
        scoring = Scoring({one.name: one.scorer for one in run.scorers}, store)
        records: list[Record] = []
        rate = loop.run(_play(run, groups, problems, scheduler, scoring, progress, records))
        kept = store.bytes_per_token()
    data, size, scoring_seconds = _scored(run, records)
    documents = list(dict.fromkeys(record.key[:2] for record in records))
    tokens = _total(run, {one: float(sum(scheduler.lengths[one].values())) for one in documents})
    left = tokens.plus(-sum(sum(scheduler.lengths[one].values()) for one in documents))
    seconds = left.times(1 / rate).plus(loaded + scoring_seconds) if rate else None
    forecast = Forecast(
        pilot=len(documents),
        problems=sum(map(len, run.documents.values())),
        made=scheduler.counts.made,
        tokens=tokens,
        rate=rate,
        seconds=seconds,
        memory=_memory(),
        records=_total(run, {one: float(size[one]) for one in documents}),
        store=tokens.times(kept) if kept else None,
    )
    return Played(forecast, data)


async def _play(
    run: Run,
    groups: Sequence[Sequence[Item]],
    problems: int,
    scheduler: _Tallying,
    scoring: Scoring,
    progress: Progress,
    records: list[Record],
) -> float:
    """The tokens a second that the engine made; 0 where it made none."""
    tasks = len({group[0].task for group in groups})
    first = max(problems, min(_FEWEST * tasks, len(groups)))

    async def timed(part: Sequence[Sequence[Item]]) -> tuple[float, float]:
        marks, before = [(time.perf_counter(), 0)], scheduler.counts.made
        looking = asyncio.create_task(_look(scheduler, before, marks))
        items = (item for group in part for item in group)
        try:
            await run.play(_named(items), scheduler, scoring, progress, records.append)
        finally:
            looking.cancel()
        marks.append((time.perf_counter(), scheduler.counts.made - before))
        return marks[-1][0] - marks[0][0], sustained(marks)

    try:
        seconds, rate = await timed(groups[:first])
        if seconds < _SECONDS and first < len(groups):
            more = int(first * (_SECONDS / max(seconds, 0.01) - 1)) + 1
            _, later = await timed(groups[first : first + min(more, max(run.in_flight, first))])
            rate = later or rate
    finally:
        await run.close()
    return rate


def _named(items: Any) -> Any:  # noqa: ANN401 - an iterator of items
    """The items, each known to the scheduler of whoever takes it."""
    for item in items:
        _item.set(item.key[:2])
        yield item


async def _look(scheduler: Scheduler, before: int, marks: list[tuple[float, int]]) -> None:
    while True:
        await asyncio.sleep(_LOOKS)
        marks.append((time.perf_counter(), scheduler.counts.made - before))


def sustained(marks: Sequence[tuple[float, int]]) -> float:
    """Tokens a second that an engine keeps up, from times and tokens counted by then, from a start at 0 tokens.

    Tokens are counted when their generation ends. Early on what is under way is not counted yet, and late the batch is
    no longer full: each ratio is too low, and the largest of those from half of all tokens on is taken.
    """
    began, whole = marks[0][0], marks[-1][1]
    rates = [made / (at - began) for at, made in marks[1:] if made >= whole / 2 and at > began]
    return max(rates, default=0.0) if whole else 0.0


def _scored(run: Run, records: Sequence[Record]) -> tuple[RunData, dict[Document, int], float]:
    """The records as numbers, bytes of each document in the run's folder, and seconds of scoring the whole run."""
    order = [arm.id for arm in run.arms]
    documents = dict.fromkeys(record.key[:2] for record in records)
    sizes: dict[Document, int] = dict.fromkeys(documents, 0)
    first = next(iter(documents))
    taken = []

    def measure(_: int, results: dict[str, Any]) -> None:
        for task, rows in results["samples"].items():
            for row in rows:
                sizes[task, row["doc_id"]] += len(json.dumps(row, ensure_ascii=False, default=str)) + 1

    for part in ([one for one in records if one.key[:2] == first], records):  # what one takes, and what more take
        began = time.perf_counter()
        rungs = Rungs.of(part, run.model.conditions.format.answer_text)
        for strategy in order:
            replay.score_rungs(run.tasks, rungs, strategy, measure if part is records else None)
        taken.append(time.perf_counter() - began)
    header = {**run.header(), "schema": SCHEMA, "status": "running"}
    numbers = Numbers(run.folder.path, header)
    for record in sorted(rungs.scored(records), key=lambda one: (one.key, order.index(one.strategy))):
        sizes[record.key[:2]] += len(to_line(record).encode())
        numbers.add(record)
    each = max(taken[1] - taken[0], 0.0) / max(len(documents) - 1, 1)
    return numbers.run(), sizes, taken[0] + each * sum(map(len, run.documents.values()))


def _total(run: Run, seen: dict[Document, float]) -> Estimate:
    """The sum over all documents, from those seen of each task; the interval is Student's for a stratified sample.

    The sample is spread evenly, which can only be better than the random one that the interval is made for.
    """
    from scipy.stats import t

    total, variance, freedom = 0.0, 0.0, 0
    for task, documents in run.documents.items():
        values, size = [value for (name, _), value in seen.items() if name == task], len(documents)
        n, mean = len(values), fsum(values) / len(values)
        total += size * mean
        if n > 1:
            spread = fsum((value - mean) ** 2 for value in values) / (n - 1)
            variance += size**2 * spread / n * (1 - n / size)
            freedom += n - 1
    half = float(t.ppf(0.975, freedom)) * sqrt(variance) if freedom else 0.0
    return Estimate(total, max(total - half, fsum(seen.values())), total + half)


def _memory() -> int:
    """0 where the system does not tell."""
    try:
        import resource
    except ImportError:
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
