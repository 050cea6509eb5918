"""The claim that a cancelled strategy leaves no task running."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable
from typing import Any, cast

from tts_bench.api import Answer, Strategy
from tts_bench.conformance.kit import Broken
from tts_bench.conformance.stage import PROBLEMS, Stage, StageConditions, beginning, run
from tts_bench.core.ledger import Ledger
from tts_bench.solving import loop
from tts_bench.solving.requirements import columns_of

_TURNS = 60  # of the event loop: every call of the trial model that does not hang has come back by then
_SECONDS = 5.0  # in which a strategy that is given up has to end: a busy machine stands still for one
_PLACES = 12  # calls at which the model hangs


def cancellation(strategy: Strategy) -> None:
    """When cancelled or timed out, it leaves no task running."""
    (healthy,) = run(strategy, problems=PROBLEMS[:1])
    for hanging in range(1, min(healthy.calls, _PLACES) + 2):
        for closing in (False, True):
            beginning.get()()
            loop.run(_give_up(strategy, StageConditions(hanging=hanging), closing))


async def _give_up(strategy: Strategy, conditions: StageConditions, closing: bool) -> None:
    """Take all answers, or only the first if `closing`, and stop there."""
    stage, before = Stage(conditions, columns_of(strategy)), asyncio.all_tasks()
    solving = strategy.solve(PROBLEMS[0], stage.reasoner(PROBLEMS[0], Ledger()))
    stream = cast("AsyncGenerator[Answer, None]", solving)
    taken, how = 0, "closed"
    while not (closing and taken):
        following = asyncio.ensure_future(anext(stream, None))
        await _turn(until=following)
        if not following.done():
            how = "cancelled"
            following.cancel()
            await _ended(following, f"cancelled after {taken} answers")
            break
        if following.exception() or following.result() is None:
            break
        taken += 1
    await _ended(stream.aclose(), f"closed after {taken} answers")
    await _turn()
    _check_quiet(stage, asyncio.all_tasks() - before, f"{how} after {taken} answers")


async def _turn(until: asyncio.Future[Any] | None = None) -> None:
    for _ in range(_TURNS):
        if until is not None and until.done():
            return
        await asyncio.sleep(0)


async def _ended(ending: Awaitable[object], how: str) -> None:
    task = asyncio.ensure_future(ending)
    done, _ = await asyncio.wait([task], timeout=_SECONDS)
    if not done:
        raise Broken(f"{how}, it continues: let asyncio.CancelledError pass")
    if not task.cancelled() and (error := task.exception()):
        raise Broken(f"{how}, it raises {type(error).__name__}: {error}") from error


def _check_quiet(stage: Stage, left: set[asyncio.Task[Any]], how: str) -> None:
    if left or stage.engine.running:
        raise Broken(
            f"{how}, it leaves {len(left)} of its tasks and {stage.engine.running} calls of the model running; "
            f"cancel and await its tasks in a `finally`, or open them in an asyncio.TaskGroup"
        )
