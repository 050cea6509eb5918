"""One strategy on one problem: its answers, or what went wrong, as a record."""

from __future__ import annotations

import asyncio
import traceback
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar, cast

from tts_bench import foreign
from tts_bench.api import Answer, Problem, Reasoner, Strategy
from tts_bench.columns import Columns
from tts_bench.core import cost
from tts_bench.core.conditions import Conditions
from tts_bench.core.ledger import Ledger
from tts_bench.core.reasoner import ModelReasoner
from tts_bench.core.scheduler import Scheduler
from tts_bench.core.scoring import Scoring
from tts_bench.core.store import StoreError
from tts_bench.errors import EngineError, Misuse, UserError
from tts_bench.marks import attribute
from tts_bench.records import ErrorRecord, Record, answer_records, segment_record, to_line
from tts_bench.solving.loop import end
from tts_bench.solving.requirements import columns_of
from tts_bench.solving.scores import score_records
from tts_bench.solving.watchdog import Hang, solving

E = TypeVar("E", bound=BaseException)

_MESSAGE = 2000  # letters of an error's message that are kept
_LOOKS = 100  # at a strategy, until its time is up
_ANSWERS = 10_000  # of one problem; more are a loop that never ends
_RUNG = 1000  # letters of a rung's name


@dataclass(frozen=True)
class Item:
    """A problem with what the harness knows about it, the gold answer not among it."""

    task: str
    doc_id: int
    repeat: int
    prompt: str
    stops: tuple[str, ...]  # the task's own stop strings, honoured while answering
    extract: Callable[[str], str | None]

    @property
    def key(self) -> tuple[str, int, int]:
        return (self.task, self.doc_id, self.repeat)

    @property
    def problem(self) -> Problem:
        name = f"{self.task}/{self.doc_id}"
        return Problem(f"{name}#{self.repeat}" if self.repeat else name, self.task, self.prompt)


@dataclass(frozen=True)
class Arm:
    """A strategy of the run, under the name that records know it by and the one that people read."""

    id: str
    strategy: Strategy
    label: str = ""
    source: str = ""  # distribution and version, or file and SHA-256

    def rungs(self, count: int) -> list[str]:
        """Names of its first `count` rungs.

        Raises:
            UserError: the strategy cannot name them.
        """
        names = self._names[:count]
        numbers = map(str, range(len(names) + 1, count + 1))
        return [*names, *(f"answer {number}" if number in self._names else number for number in numbers)]

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """What it may read beside each token: what it needs itself, not what other strategies of the run do."""
        return columns_of(self.strategy)

    @cached_property  # asked for before the run: what a strategy makes of itself meanwhile ends no run
    def _names(self) -> tuple[str, ...]:
        try:
            given = attribute(self.strategy, "rungs")
            names = tuple(str(name).encode().decode() for name in islice(given, _ANSWERS + 1))
        except Exception as error:
            raise UserError(f"{self.id}: its rungs cannot be read: {type(error).__name__}: {_said(error)}.") from error
        if isinstance(given, str):
            raise UserError(f"{self.id}: its rungs are the text {given!r}. Write a tuple of names: ({given!r},).")
        if len(names) > _ANSWERS:
            raise UserError(f"{self.id}: it names more than {_ANSWERS} rungs. Name those that it answers.")
        for name, times in Counter(names).items():
            if times > 1:
                raise UserError(f"{self.id}: it names {times} of its rungs {name!r}. Each needs a name of its own.")
            if len(name) > _RUNG:
                raise UserError(f"{self.id}: the name of a rung has {len(name)} characters; it may have {_RUNG}.")
        return names


async def solve(
    arm: Arm,
    item: Item,
    scheduler: Scheduler,
    conditions: Conditions,
    timeout: float,
    *,
    scoring: Scoring | None = None,
    keep: Callable[[Record, Mapping[str, Columns]], None] | None = None,
) -> Record:
    """Run `arm` on `item`, for at most `timeout` seconds. Whatever goes wrong becomes the record's error.

    While it waits for the engine, only its share of the requests that are there counts: it is not ended because others
    are there. Of an engine that answers nobody for so long, all time counts.

    `keep` is given the record, and the numbers beside the tokens of each origin among its segments.

    Raises:
        StoreError: the generation store is unusable; the run cannot go on.
    """
    ledger, problem = Ledger(arm.columns), item.problem

    def open_door() -> Reasoner:
        own, stops = item.problem, item.stops  # not the object that the strategy has
        return ModelReasoner(own, scheduler, conditions, item.extract, ledger, answer_stops=stops, scoring=scoring)

    def share() -> float:
        alone = not ledger.waiting or scheduler.silent > timeout
        return 1.0 if alone else ledger.waiting / max(ledger.waiting, scheduler.with_engine)

    answers, error = await attempt(arm.strategy, problem, open_door, ledger, timeout, share)
    record = _readable(_record(arm, item, answers, ledger, error, scheduler))
    if keep is not None:
        keep(record, ledger.all_columns())
    return record


async def attempt(
    strategy: Strategy,
    problem: Problem,
    open_door: Callable[[], Reasoner],
    ledger: Ledger,
    timeout: float,
    share: Callable[[], float] = lambda: 1.0,
) -> tuple[list[Answer], ErrorRecord | None]:
    """The answers that `strategy` yields within `timeout` seconds, and what went wrong, if anything did.

    `share` is how much of a second counts now.

    Raises:
        StoreError: as `solve`.
    """
    answers: list[Answer] = []

    async def take() -> None:
        solving.set(True)
        ledger.enter()
        async with aclosing(_answers(strategy, problem, open_door())) as stream:
            async for answer in stream:
                ledger.given(answer, "the harness, by a yield,")
                answers.append(answer)
                if len(answers) == _ANSWERS:
                    raise Misuse(f"solve() yielded {_ANSWERS} answers to one problem; it has to end")
        ledger.check()

    taking = asyncio.create_task(_caught(take(), ledger))
    try:
        in_time = await _done(taking, timeout, share)
    finally:  # also where the run is given up
        ledger.closed = True
        await end([taking])
    found = tuple(answers)  # what is forgotten and still runs adds nothing
    if not in_time:
        return list(found), ErrorRecord("timeout", f"it did not finish within {timeout:g} s")
    wrong: StoreError | Hang | ErrorRecord | None
    if (failed := taking.exception()) is not None:  # while what was raised was put into words
        wrong = failed if type(failed) is Hang else ErrorRecord("raised", "an error that cannot be shown")
    else:
        wrong = taking.result()
    if wrong is None:
        return answers, None if answers else ErrorRecord("nothing", "solve() ended without yielding an answer")
    if isinstance(wrong, StoreError):
        raise wrong
    if isinstance(wrong, Hang):
        return answers, ErrorRecord("timeout", f"it did not finish within {timeout:g} s")
    return answers, wrong


async def _caught(work: Coroutine[Any, Any, None], ledger: Ledger) -> StoreError | Hang | ErrorRecord | None:
    """What becomes of what `work` raises, its own CancelledError too, which nobody sent.

    It is looked at here, where it may be interrupted, and by the types of the errors: an error that anyone made may lie
    of its class and of its parts, and go on for ever.
    """
    try:
        await work
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        if isinstance(error, asyncio.CancelledError) and ledger.closed:
            raise
        return _first(error, StoreError) or _first(error, Hang) or _error(error)
    return None


async def _done(task: asyncio.Task[Any], timeout: float, share: Callable[[], float]) -> bool:
    """Whether `task` ends within `timeout` seconds, of which `share` counts; none while another blocks the loop."""
    loop, left = asyncio.get_running_loop(), timeout
    part = max(timeout / _LOOKS, 0.01)
    while left > 0 and not task.done():
        began = loop.time()
        await asyncio.wait([task], timeout=min(left, part))
        left -= share() * min(loop.time() - began, part)
    return task.done()


def _answers(strategy: Strategy, problem: Problem, reasoner: Reasoner) -> AsyncGenerator[Answer, None]:
    answers = strategy.solve(problem, reasoner)
    if not isinstance(answers, AsyncGenerator):
        raise Misuse(f"solve() returned a {type(answers).__name__}; it must be an `async def` that yields answers")
    return answers


def _first(error: BaseException, kind: type[E]) -> E | None:
    """The first error of that kind in `error`, which may be a group, however deep."""
    waiting = [error]
    for each in waiting:
        if issubclass(type(each), kind):
            return cast(E, each)
        waiting += _parts(each)
    return None


def _parts(error: BaseException) -> tuple[BaseException, ...]:
    """The errors of a group, as it was made of them; none of any other error."""
    own: Any = BaseExceptionGroup.exceptions
    return cast("tuple[BaseException, ...]", own.__get__(error) if issubclass(type(error), BaseExceptionGroup) else ())


def _error(problem: BaseException) -> ErrorRecord:
    while parts := _parts(problem):
        problem = parts[0]
    if issubclass(type(problem), Misuse):
        return ErrorRecord("misuse", _said(problem))
    if issubclass(type(problem), EngineError):
        return ErrorRecord("engine", _said(problem))
    frames = traceback.extract_tb(problem.__traceback__)
    # File names without folders: the same record on every machine.
    where = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return ErrorRecord("raised", _clean(f"{type(problem).__name__}: {_said(problem)}{where}"))


def _said(error: BaseException) -> str:
    """The message of an error that anyone made: it may be endless, be no text, or hold what UTF-8 has not."""
    try:
        text = str(error)
    except Exception:
        text = "(its message cannot be had)"
    return _clean(text[:_MESSAGE])


def _clean(text: str) -> str:
    """What of a text can be written down: a name may be as long as a message."""
    return str.__str__(text)[: 2 * _MESSAGE].encode("utf-8", "backslashreplace").decode()


def _readable(record: Record) -> Record:
    """`record`, or that error where its line would be too long for those who read the run."""
    shown = sum(20 + len(part.text) + len(part.stream) for part in record.segments)  # 20: more than its other values
    shown += sum(20 + len(one.said) + len(one.steps) for one in record.scored)
    shown += sum(40 + len(each.rung) + len(each.text) + len(each.extracted or "") for each in record.answers)
    if shown + sum(len(each.segments) + len(each.scored) for each in record.answers) < foreign.IN_A_LINE // 4:
        return record  # however its characters are written
    line = to_line(record).encode()
    length, values = len(line), line.count(b",")
    if length <= foreign.LINE and values <= foreign.IN_A_LINE:
        return record
    said = f"solve() made a record of {length:,} bytes and {values:,} values; it may have {foreign.LINE:,} and "
    return replace(
        record, segments=(), answers=(), scored=(), error=ErrorRecord("misuse", f"{said}{foreign.IN_A_LINE:,}")
    )


def _record(
    arm: Arm, item: Item, answers: list[Answer], ledger: Ledger, error: ErrorRecord | None, scheduler: Scheduler
) -> Record:
    cuts = {(segment.origin, segment.spent): segment for segment in ledger.segments}
    # Concurrent branches finish in any order; the record must not tell.
    given = [ledger.original(answer) for answer in answers]
    segments = sorted(cuts.values(), key=lambda segment: (segment.start, segment.stream, segment.origin, segment.spent))
    place = {(segment.origin, segment.spent): index for index, segment in enumerate(segments)}
    rungs = answer_records(arm.rungs(len(given)), [(each.answer, each.ballots) for each in given], place)
    scores, rungs = score_records(ledger, rungs, given, place)
    spent = (
        cost.Bill(scheduler.engine.info, ledger.prompt)
        .add(cost.unique(segments))
        .total(max((each.answer.cost.sequential for each in given), default=0))
    )
    return Record(
        task=item.task,
        doc_id=item.doc_id,
        repeat=item.repeat,
        problem=item.problem.id,
        strategy=arm.id,
        segments=tuple(
            segment_record(segment, ledger.extracted(segment), ledger.columns(segment)) for segment in segments
        ),
        answers=rungs,
        spent=cost.scored_too(spent, ledger.scored.values()),
        error=error,
        scored=scores,
    )
