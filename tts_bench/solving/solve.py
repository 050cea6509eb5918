"""One strategy on one problem: its answers, or what went wrong, as a record."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tts_bench.api import Answer, Problem, Reasoner, Strategy
from tts_bench.core import cost
from tts_bench.core.conditions import Conditions
from tts_bench.core.ledger import Ledger
from tts_bench.core.reasoner import ModelReasoner
from tts_bench.core.scheduler import Scheduler
from tts_bench.core.store import StoreError
from tts_bench.errors import EngineError, Misuse, UserError
from tts_bench.records import ErrorRecord, Record, answer_records, segment_record
from tts_bench.solving.loop import end
from tts_bench.solving.watchdog import Hang, solving

E = TypeVar("E", bound=BaseException)

_MESSAGE = 2000  # letters of an error's message that are kept


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
        try:
            names = tuple(str(name).encode().decode() for name in getattr(self.strategy, "rungs", ()))[:count]
        except Exception as error:
            raise UserError(f"{self.id}: its rungs cannot be read: {type(error).__name__}: {_said(error)}.") from error
        return [*names, *(str(index + 1) for index in range(len(names), count))]


async def solve(arm: Arm, item: Item, scheduler: Scheduler, conditions: Conditions, timeout: float) -> Record:
    """Run `arm` on `item`, for at most `timeout` seconds. Whatever goes wrong becomes the record's error.

    Raises:
        StoreError: the generation store is unusable; the run cannot go on.
    """
    ledger, problem = Ledger(), item.problem

    def open_door() -> Reasoner:
        return ModelReasoner(problem, scheduler, conditions, item.extract, ledger, answer_stops=item.stops)

    answers, error = await attempt(arm.strategy, problem, open_door, ledger, timeout)
    return _record(arm, item, answers, ledger, error, scheduler)


async def attempt(
    strategy: Strategy, problem: Problem, open_door: Callable[[], Reasoner], ledger: Ledger, timeout: float
) -> tuple[list[Answer], ErrorRecord | None]:
    """The answers that `strategy` yields within `timeout` seconds, and what went wrong, if anything did.

    Raises:
        StoreError: as `solve`.
    """
    answers: list[Answer] = []

    async def take() -> None:
        solving.set(True)
        async with aclosing(_answers(strategy, problem, open_door())) as stream:
            async for answer in stream:
                ledger.given(answer, "the harness, by a yield,")
                answers.append(answer)
        ledger.check()

    taking = asyncio.create_task(_caught(take(), ledger))
    try:
        in_time = await _done(taking, timeout)
    finally:  # also where the run is given up
        ledger.closed = True
        await end([taking])
    found = tuple(answers)  # what is forgotten and still runs adds nothing
    if not in_time:
        return list(found), ErrorRecord("timeout", f"it did not finish within {timeout:g} s")
    wrong = taking.result()
    if wrong is None:
        return answers, None if answers else ErrorRecord("nothing", "solve() ended without yielding an answer")
    if unusable := _first(wrong, StoreError):
        raise unusable
    if _first(wrong, Hang):
        return answers, ErrorRecord("timeout", f"it did not finish within {timeout:g} s")
    return answers, _error(wrong)


async def _caught(work: Coroutine[Any, Any, None], ledger: Ledger) -> BaseException | None:
    """What `work` raises; its own CancelledError, too, which nobody sent."""
    try:
        await work
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        if isinstance(error, asyncio.CancelledError) and ledger.closed:
            raise
        return error
    return None


async def _done(task: asyncio.Task[Any], timeout: float) -> bool:
    """Whether `task` ends within `timeout` seconds. While another blocks the loop, its time does not run."""
    loop, left = asyncio.get_running_loop(), timeout
    while left > 0 and not task.done():
        began, part = loop.time(), min(left, max(timeout / 10, 0.01))
        await asyncio.wait([task], timeout=part)
        left -= min(loop.time() - began, part)
    return task.done()


def _answers(strategy: Strategy, problem: Problem, reasoner: Reasoner) -> AsyncGenerator[Answer, None]:
    answers = strategy.solve(problem, reasoner)
    if not isinstance(answers, AsyncGenerator):
        raise Misuse(f"solve() returned a {type(answers).__name__}; it must be an `async def` that yields answers")
    return answers


def _first(error: BaseException, kind: type[E]) -> E | None:
    """The first error of that kind in `error`, which may be a group."""
    if isinstance(error, kind):
        return error
    inner = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    return next((found for each in inner if (found := _first(each, kind))), None)


def _error(problem: BaseException) -> ErrorRecord:
    if isinstance(problem, BaseExceptionGroup):
        return _error(problem.exceptions[0])
    if isinstance(problem, Misuse):
        return ErrorRecord("misuse", _said(problem))
    if isinstance(problem, EngineError):
        return ErrorRecord("engine", _said(problem))
    frames = traceback.extract_tb(problem.__traceback__)
    # File names without folders: the same record on every machine.
    where = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return ErrorRecord("raised", f"{type(problem).__name__}: {_said(problem)}{where}")


def _said(error: BaseException) -> str:
    """The message of an error that anyone made: it may be endless, be no text, or hold what UTF-8 has not."""
    try:
        text = str(error)
    except Exception:
        text = "(its message cannot be had)"
    return text[:_MESSAGE].encode("utf-8", "backslashreplace").decode()


def _record(
    arm: Arm, item: Item, answers: list[Answer], ledger: Ledger, error: ErrorRecord | None, scheduler: Scheduler
) -> Record:
    cuts = {(segment.origin, segment.spent): segment for segment in ledger.segments}
    # Concurrent branches finish in any order; the record must not tell.
    given = [ledger.original(answer) for answer in answers]
    segments = sorted(cuts.values(), key=lambda segment: (segment.start, segment.stream, segment.origin, segment.spent))
    place = {(segment.origin, segment.spent): index for index, segment in enumerate(segments)}
    return Record(
        task=item.task,
        doc_id=item.doc_id,
        repeat=item.repeat,
        problem=item.problem.id,
        strategy=arm.id,
        segments=tuple(
            segment_record(segment, ledger.extracted(segment), ledger.columns(segment)) for segment in segments
        ),
        answers=answer_records(arm.rungs(len(given)), [(each.answer, each.ballots) for each in given], place),
        spent=cost.Bill(scheduler.engine.info, ledger.prompt)
        .add(cost.unique(segments))
        .total(max((each.answer.cost.sequential for each in given), default=0)),
        error=error,
    )
