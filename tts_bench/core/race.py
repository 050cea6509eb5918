"""Traces that think at once on the token clock: at each tick every trace that is still open gets its next token.

Traces are sampled in pieces, and what happened within a piece is gone through in the order of ticks afterwards. A trace
that dies or is stopped is cut at its tick: with keyed random streams that is what it would have been (a shorter request
is a prefix of a longer one), so the result depends neither on the length of a piece nor on who arrives first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from inspect import iscoroutine
from itertools import groupby
from typing import Literal

from tts_bench.api import Segment, Trace
from tts_bench.core.check import shown
from tts_bench.core.handle import Handle, beyond, but
from tts_bench.core.ledger import Held
from tts_bench.errors import Misuse

Enough = Callable[[Sequence[Trace]], bool]
CutAt = Callable[[Trace], int | None]


@dataclass
class _Runner:
    handle: Handle
    held: Held
    known: Segment | None  # what the strategy had seen of it when the race began
    end: int | None = None  # the tick at which it ends, or dies
    spared: int = 0  # tokens up to which cut_at() has let it live
    how: Literal["open", "ended", "killed", "truncated"] = "open"

    @property
    def tokens(self) -> int:
        """Ticks that it has been sampled for."""
        return self.held.trace.thinking_tokens

    async def run(self, tick: int, max_tokens: int | None) -> None:
        """Sample on up to `tick`, or to its end, or to its budget."""
        budget = self.handle.limit(self.held.trace, max_tokens)
        grown = await self.handle.grow(self.held, min(tick, budget))
        self.held = Held(grown.trace, self.held.seen)  # what was seen beyond it is told by where it ends, not by pieces
        trace = self.held.trace
        if trace.thinking_ended:
            self.end, self.how = self.tokens, "ended"
        elif self.tokens >= budget or self.tokens < tick:  # less than was asked for: the context is full
            self.end, self.how = self.tokens, "truncated"
        else:
            self.held = but(self.held, truncated=False)

    def killed_at(self, tokens: object) -> None:
        """Kill it at `tokens`, if it gets that far."""
        if tokens is not None and (not isinstance(tokens, int) or isinstance(tokens, bool) or tokens < 1):
            raise Misuse(f"cut_at() returned {shown(tokens)}; it returns the token count that kills the trace, or None")
        at = self.tokens + 1 if tokens is None else int.__index__(tokens)
        if at <= self.spared:
            raise Misuse(
                f"cut_at() kills a trace at {at} tokens that it had let live to {self.spared}; it has to return the "
                "same for a longer version of a trace"
            )
        if at <= self.tokens:
            self.end, self.how = at, "killed"
        self.spared = self.tokens

    def result(self, stop: int | None) -> Trace:
        """Its trace, up to where it ended, died, or was stopped."""
        at = self.tokens if self.end is None else self.end
        at = at if stop is None else min(at, stop)
        if at < self.tokens or self.how in ("open", "killed"):
            self.held = self.handle.stopped_at(self.held, at)
        trace = self.held.trace
        more = beyond(trace, self.known)
        return self.handle.shown(Held(trace, self.held.seen | more))


async def race(
    handles: Sequence[Handle], enough: Enough | None, cut_at: CutAt | None, max_tokens: int | None
) -> tuple[Trace, ...]:
    """As `api.Reasoner.race`."""
    runners = [_Runner(handle, handle.begun(), handle.known()) for handle in handles]
    piece = handles[0].piece if enough or cut_at else None
    finished: list[Trace] = []
    tick, stop = 0, None
    while stop is None and (running := [runner for runner in runners if runner.how == "open"]):
        tick += piece or max(runner.handle.limit(runner.held.trace, max_tokens) for runner in running)
        async with asyncio.TaskGroup() as tasks:
            for runner in running:
                tasks.create_task(runner.run(tick, max_tokens))
        if cut_at is not None:
            for runner in running:
                runner.killed_at(cut_at(runner.handle.ledger.glimpse(runner.held)))
        stop = _stop(running, finished, enough)
    return tuple(runner.result(stop) for runner in runners)


def _stop(running: Sequence[_Runner], finished: list[Trace], enough: Enough | None) -> int | None:
    """The tick at which `enough` have come to their ends; all that have are added to `finished`, as they are shown."""
    if enough is None:
        return None
    ended = sorted((runner for runner in running if runner.how == "ended"), key=_ticks)
    for tick, runners in groupby(ended, key=_ticks):  # sorting is stable: in the order of handles
        finished += [runner.handle.shown(runner.held) for runner in runners]
        said = enough(list(finished))
        if iscoroutine(said):
            said.close()
            raise Misuse("enough() of race() is an `async def`; it takes a plain function, called between two ticks")
        if said:
            return tick
    return None


def _ticks(runner: _Runner) -> int:
    return runner.tokens
