"""Claim: whatever a strategy does wrong is a recorded error of that problem and strategy, and the run goes on."""

from __future__ import annotations

import asyncio
import itertools
import re
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.scripts import World, rambler
from tts_bench.api import Answer, Problem, Reasoner
from tts_bench.errors import UserError
from tts_bench.solving.solve import Arm, solve
from tts_bench.solving.watchdog import watchdog


@dataclass(frozen=True)
class Raises:
    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        yield await reasoner.answer(await reasoner.think())
        raise RuntimeError("no such luck")


@dataclass(frozen=True)
class Exits:
    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        sys.exit("I am leaving")
        yield await reasoner.answer(await reasoner.think())


@dataclass(frozen=True)
class YieldsNothing:
    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        for _ in range(0):
            yield await reasoner.answer(await reasoner.think())


@dataclass(frozen=True)
class Waits:
    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        await asyncio.Event().wait()
        yield await reasoner.answer(await reasoner.think())


@dataclass(frozen=True)
class Blocks:
    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        while True:
            time.sleep(0.01)
        yield await reasoner.answer(await reasoner.think())


@dataclass(frozen=True)
class TimesOutByItself:
    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        raise TimeoutError("mine")
        yield await reasoner.answer(await reasoner.think())


@dataclass(frozen=True)
class FailsInABranch:
    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        async with asyncio.TaskGroup() as group:
            group.create_task(reasoner.think(max_tokens=-1))
        yield await reasoner.answer(await reasoner.think())


@dataclass(frozen=True)
class Returns:
    def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        return iter(())  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("strategy", "kind", "message"),
    [
        (Raises(), "raised", "RuntimeError: no such luck (test_solve.py:"),
        (Exits(), "raised", "SystemExit: I am leaving"),
        (YieldsNothing(), "nothing", "without yielding an answer"),
        (Waits(), "timeout", "did not finish within 0.4 s"),
        (Blocks(), "timeout", "did not finish within 0.4 s"),
        (TimesOutByItself(), "raised", "TimeoutError: mine"),
        (FailsInABranch(), "misuse", "max_tokens of think() is -1"),
        (Returns(), "misuse", "yields answers"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_it_is_recorded_and_the_others_go_on(strategy: Raises, kind: str, message: str) -> None:
    world = World(rambler)
    good = Arm("good", Good())

    async def both() -> tuple[object, ...]:
        async with watchdog(0.4):
            jobs = [
                asyncio.create_task(solve(arm, world.item(), world.scheduler, world.conditions, 0.4))
                for arm in (Arm("bad", strategy), good)
            ]
            return tuple(await asyncio.gather(*jobs))

    bad, fine = asyncio.run(both())
    assert bad.error is not None  # type: ignore[attr-defined]
    assert (bad.error.kind, message in bad.error.message) == (kind, True), bad.error  # type: ignore[attr-defined]
    assert fine.error is None  # type: ignore[attr-defined]
    assert len(fine.answers) == 1  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Good:
    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        yield await reasoner.answer(await reasoner.think())


@dataclass(frozen=True)
class Named(Good):
    rungs: Any = ()


class Endless(Good):
    @property
    def rungs(self) -> Iterator[int]:
        return itertools.count()


class Unreadable(Good):
    @property
    def rungs(self) -> tuple[str, ...]:
        return self.names  # type: ignore[attr-defined, no-any-return]


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        (Named("final"), "its rungs are the text 'final'. Write a tuple of names: ('final',)."),
        (Named(("1", "2", "1")), "it names 2 of its rungs '1'. Each needs a name of its own."),
        (Named(("x" * 1001,)), "the name of a rung has 1001 characters; it may have 1000."),
        (Endless(), "it names more than 10000 rungs. Name those that it answers."),
        (Unreadable(), "its rungs cannot be read: AttributeError: 'Unreadable' object has no attribute 'names'."),
    ],
    ids=["a text", "twice", "a book", "without end", "unreadable"],
)
def test_rungs_that_cannot_be_told_apart_are_refused_before_the_run(strategy: Good, message: str) -> None:
    with pytest.raises(UserError, match=re.escape(f"mine: {message}")):
        Arm("mine", strategy).rungs(0)


def test_a_rung_beyond_those_that_are_named_takes_no_name_of_theirs() -> None:
    assert Arm("mine", Named(("3", "last"))).rungs(4) == ["3", "last", "answer 3", "4"]


def test_an_error_keeps_the_answers_that_came_before_it() -> None:
    [record] = World(rambler).run_arms([Arm("raises", Raises())])
    assert record.error is not None
    assert len(record.answers) == 1
    assert record.spent.thinking > 0
