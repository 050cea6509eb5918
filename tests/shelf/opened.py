"""A strategy played against the real reasoner on a scripted engine, without a run."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from tests.scripts import World, number, rambler
from tts_bench.api import Answer, Strategy
from tts_bench.core.ledger import Ledger
from tts_bench.core.reasoner import ModelReasoner
from tts_bench.engines.scripted import END, END_THINK, THINK, Draw
from tts_bench.strategies.sampling import once

T = TypeVar("T")


def opened(script: Callable[[str, Draw], str] = rambler, seed: int = 0) -> ModelReasoner:
    """A reasoner for a problem; `script` is what the model says next after a text."""
    world = World(script, seed=seed)
    return ModelReasoner(world.item().problem, world.scheduler, world.conditions, number, Ledger())


def last(strategy: Strategy, door: ModelReasoner) -> Answer:
    return answers(strategy, door)[-1]


def answers(strategy: Strategy, door: ModelReasoner) -> list[Answer]:
    async def all_of_them() -> list[Answer]:
        return [answer async for answer in strategy.solve(door.problem, door)]

    return asyncio.run(all_of_them())


def done(work: Awaitable[T]) -> T:
    async def wait() -> T:
        return await work

    return asyncio.run(wait())


def told(answer: Answer) -> tuple[Any, ...]:
    """All that it says but for the order and the critical path."""
    cost = answer.cost
    return answer.text, cost.thinking, cost.forced, cost.answer, cost.discarded, cost.context, cost.probe


def plain(count: int, door: ModelReasoner) -> Answer:
    """The plain vote of samples 0 to `count` - 1."""
    return door.vote([done(once(door.branch(str(index)))) for index in range(count)])


def paragraphs(text: str, draw: Draw) -> str:
    """Thinks in four paragraphs of letters, and answers with one of four."""
    if END_THINK in text.partition(THINK)[2]:
        return f"\\boxed{{{int(draw(0) * 4)}}}{END}"
    return "\n\n".join("".join(chr(97 + int(draw(9 * row + place) * 26)) for place in range(8)) for row in range(4)) + (
        END_THINK
    )
