"""One strategy on one problem: its answers, or what went wrong, as a record."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from tts_bench import cost
from tts_bench.api import Answer, Problem, Reasoner, Strategy
from tts_bench.errors import EngineError, Misuse
from tts_bench.harness.watchdog import Hang
from tts_bench.reasoner import Ledger, ModelReasoner, Settings
from tts_bench.records import ErrorRecord, Record, answer_records, segment_record
from tts_bench.scheduler import Scheduler
from tts_bench.store import StoreError


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
        """Names of its first `count` rungs."""
        names = tuple(map(str, getattr(self.strategy, "rungs", ())))[:count]
        return [*names, *(str(index + 1) for index in range(len(names), count))]


async def solve(arm: Arm, item: Item, scheduler: Scheduler, settings: Settings, timeout: float) -> Record:
    """Run `arm` on `item`, for at most `timeout` seconds. Whatever goes wrong becomes the record's error.

    Raises:
        StoreError: the generation store is unusable; the run cannot go on.
    """
    ledger, problem = Ledger(), item.problem

    def open_door() -> Reasoner:
        return ModelReasoner(problem, scheduler, settings, item.extract, ledger, answer_stops=item.stops)

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
    deadline = asyncio.timeout(timeout)
    try:
        async with deadline, aclosing(_answers(strategy, problem, open_door())) as stream:
            async for answer in stream:
                if not ledger.issued(answer):
                    raise Misuse("solve() yielded an answer that its reasoner did not make")
                answers.append(answer)
    except StoreError:
        raise
    except (Exception, SystemExit) as wrong:
        expired = isinstance(wrong, Hang) or (isinstance(wrong, TimeoutError) and deadline.expired())
        return answers, ErrorRecord("timeout", f"it did not finish within {timeout:g} s") if expired else _error(wrong)
    return answers, None if answers else ErrorRecord("nothing", "solve() ended without yielding an answer")


def _answers(strategy: Strategy, problem: Problem, reasoner: Reasoner) -> AsyncGenerator[Answer, None]:
    answers = strategy.solve(problem, reasoner)
    if not isinstance(answers, AsyncGenerator):
        raise Misuse(f"solve() returned a {type(answers).__name__}; it has to be an `async def` that yields answers")
    return answers


def _error(problem: BaseException) -> ErrorRecord:
    if isinstance(problem, ExceptionGroup):
        return _error(problem.exceptions[0])
    if isinstance(problem, Misuse):
        return ErrorRecord("misuse", str(problem))
    if isinstance(problem, EngineError):
        return ErrorRecord("engine", str(problem))
    where = traceback.extract_tb(problem.__traceback__)[-1]
    # File names without folders: the same record on every machine.
    return ErrorRecord("raised", f"{type(problem).__name__}: {problem} ({Path(where.filename).name}:{where.lineno})")


def _record(
    arm: Arm, item: Item, answers: list[Answer], ledger: Ledger, error: ErrorRecord | None, scheduler: Scheduler
) -> Record:
    cuts = {(segment.origin, segment.spent): segment for segment in ledger.segments}
    # Concurrent branches finish in any order; the record must not tell.
    segments = sorted(cuts.values(), key=lambda segment: (segment.start, segment.stream, segment.origin, segment.spent))
    place = {(segment.origin, segment.spent): index for index, segment in enumerate(segments)}
    return Record(
        task=item.task,
        doc_id=item.doc_id,
        repeat=item.repeat,
        problem=item.problem.id,
        strategy=arm.id,
        segments=tuple(segment_record(segment, ledger.extracted(segment)) for segment in segments),
        answers=answer_records(arm.rungs(len(answers)), answers, place, ledger.ballots),
        spent=cost.Bill(scheduler.engine.info)
        .add(cost.unique(segments))
        .total(max((answer.cost.sequential for answer in answers), default=0)),
        error=error,
    )
