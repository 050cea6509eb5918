"""A script whose thinking has steps, a world with a door to it, and what tests of the verbs do there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from hypothesis import strategies as st

from tests.scripts import World, number
from tts_bench.api import Answer, Trace
from tts_bench.core.ledger import Ledger
from tts_bench.core.reasoner import ModelReasoner
from tts_bench.engines.scripted import END, END_THINK, THINK, Draw

T = TypeVar("T")


def walker(text: str, draw: Draw) -> str:
    """Thinks in 2 to 7 steps of 1 to 30 letters, apart by empty lines; answers with one of four."""
    _, _, thought = text.partition(THINK)
    if END_THINK in thought:
        return f"\\boxed{{{int(draw(0) * 4)}}}{END}"
    place, steps = 1, []
    for _ in range(2 + int(draw(0) * 6)):
        length = 1 + int(draw(place) * 30)
        steps.append("".join(chr(97 + int(draw(place + 1 + index) * 26)) for index in range(length)))
        place += length + 1
    return "\n\n".join(steps) + END_THINK


class Open:
    """A world with a door to its model."""

    def __init__(self, script: Callable[[str, Draw], str] = walker, *, piece: int = 256, seed: int = 0) -> None:
        self.world = World(script, seed=seed)
        self.ledger = Ledger()
        self.piece = piece
        self.door = self.reasoner(self.ledger)

    def reasoner(self, ledger: Ledger) -> ModelReasoner:
        item, world = self.world.item(), self.world
        return ModelReasoner(item.problem, world.scheduler, world.conditions, number, ledger, piece=self.piece)


def done(work: Awaitable[T]) -> T:
    async def wait() -> T:
        return await work

    return asyncio.run(wait())


def content(trace: Trace) -> tuple[Any, ...]:
    return trace.tokens, trace.thinking_ended, trace.truncated


seeds = st.integers(0, 10_000)


async def once(door: ModelReasoner) -> Answer:
    return await door.answer(await door.think())
