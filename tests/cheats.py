"""Strategies that cheat or break down, played beside two honest ones, for tests of what becomes of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.scripts import World, rambler
from tts_bench.api import Answer, Cost, Problem, Reasoner
from tts_bench.records import Record, from_line, to_line
from tts_bench.registry import build_all
from tts_bench.solving import loop
from tts_bench.solving.solve import Arm, solve
from tts_bench.solving.watchdog import watchdog

Solve = Callable[[Any], AsyncIterator[Answer]]
GOLD = "\\boxed{42}"
HONEST = ("baseline:budgets=10+60", "majority-vote:samples=3")
_ENDLESS = 0.5  # seconds for a strategy that never ends
_PATIENCE = 60.0  # seconds for one that ends, of which most need a few thousandths: machines may be busy


@dataclass(frozen=True)
class Plugin:
    """A strategy that is one function."""

    name: str
    way: Solve

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        async for answer in self.way(reasoner):
            yield answer


def played(*cheats: Plugin, patience: float = _PATIENCE) -> list[Record]:
    """Records of the cheats, which have `patience` seconds, and then of the honest strategies, all at once."""
    world = World(rambler, max_thinking=400)
    arms = [(Arm(cheat.name, cheat), patience) for cheat in cheats]
    arms += [(Arm(built.id, built.strategy), _PATIENCE) for built in build_all(HONEST)]

    async def everything() -> list[Record]:
        async with watchdog(patience):
            work = [solve(arm, world.item(), world.scheduler, world.conditions, limit) for arm, limit in arms]
            return list(await asyncio.gather(*work))

    return loop.run(everything())


ALONE = [to_line(record) for record in played()]


class Ways:
    """Ways to solve by their names, each with the kind of its error and a part of the message."""

    def __init__(self) -> None:
        self.all: dict[str, tuple[Solve, str, str]] = {}

    def error(self, kind: str, said: str) -> Callable[[Solve], Solve]:
        def entered(way: Solve) -> Solve:
            self.all[way.__name__] = (way, kind, said)
            return way

        return entered

    def misuse(self, said: str) -> Callable[[Solve], Solve]:
        return self.error("misuse", said)


def record_of(way: Solve, patience: float = _PATIENCE) -> Record:
    """What is written down of `way`, which harms nobody."""
    cheat, *honest = played(Plugin(way.__name__, way), patience=patience)
    assert [to_line(record) for record in honest] == ALONE
    assert from_line(to_line(cheat)) == cheat
    return cheat


async def once(door: Any, **how: Any) -> Answer:  # noqa: ANN401
    answer: Answer = await door.answer(await door.think(**how))
    return answer


async def samples(door: Any, count: int = 8) -> list[Answer]:  # noqa: ANN401
    return [await once(door.branch(str(index))) for index in range(count)]


def _adds_up(record: Record, places: Sequence[int], cost: Cost) -> bool:
    parts = [record.segments[place] for place in places]
    return cost.prompt + cost.generated == sum(part.tokens + part.end - part.paid for part in parts)


def check(way: Solve, kind: str, said: str) -> None:
    """Its record has that error, its answers are honest, and nobody else notices."""
    record = record_of(way, _ENDLESS if kind == "timeout" else _PATIENCE)
    assert record.error is not None
    assert (record.error.kind, said in record.error.message) == (kind, True), record.error
    assert all(answer.text != GOLD for answer in record.answers)
    assert all(_adds_up(record, answer.segments, answer.cost) for answer in record.answers)


def billed(way: Solve) -> tuple[Record, Cost]:
    """The record of `way`, which has no error, and the bill of its last answer."""
    record = record_of(way)
    assert record.error is None
    assert all(_adds_up(record, answer.segments, answer.cost) for answer in record.answers)
    return record, record.answers[-1].cost
