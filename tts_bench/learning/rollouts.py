"""Rollouts: the traces that the harness itself makes of the strategy `learned-token`, in groups."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import cast

from tts_bench import loops, registry
from tts_bench.api import Answer, Cue, LearnedToken, Reasoner, Strategy, Trace
from tts_bench.core.conditions import Conditions
from tts_bench.core.ledger import Ledger
from tts_bench.core.reasoner import ModelReasoner
from tts_bench.core.scheduler import Scheduler
from tts_bench.solving.solve import Item


@dataclass(frozen=True)
class Rollout:
    """One sample of the strategy on one problem."""

    item: Item
    first: Answer  # without the token
    last: Answer  # after all continuations

    @property
    def trace(self) -> Trace:
        return self.last.traces[0]

    @property
    def extra(self) -> int:
        """Generated tokens beyond those of the answer without the token."""
        return self.last.cost.generated - self.first.cost.generated


def strategy(token: LearnedToken, extensions: int) -> Strategy:
    """Budget forcing with `token`, as `--strategy learned-token` builds it."""
    return cast(Strategy, registry.strategy_class("learned-token")(token=token, extensions=extensions))


def sample(
    scheduler: Scheduler,
    conditions: Conditions,
    token: LearnedToken,
    items: Sequence[Item],
    *,
    extensions: int,
    group: int = 1,
    shared: bool = True,
    stream: str,
) -> list[list[Rollout]]:
    """`group` rollouts of each item, all at once; `stream` names their random numbers.

    With `shared`, the rollouts of a group have all in common that comes before the first cue.
    """
    solver = strategy(token, extensions)

    async def one(item: Item, member: int) -> Rollout:
        whole = ModelReasoner(
            item.problem, scheduler, conditions, item.extract, Ledger(), answer_stops=item.stops
        ).branch(stream)
        own = whole.branch(f"rollout {member}")
        reasoner = _Forked(whole, own) if shared else own
        # A learned token's strategy thinks, forces and answers: of the verbs that is all that is forked.
        answers = cast(AsyncGenerator[Answer, None], solver.solve(item.problem, cast(Reasoner, reasoner)))
        async with aclosing(answers):
            collected = [answer async for answer in answers]
        return Rollout(item, collected[0], collected[-1])

    async def everything() -> list[list[Rollout]]:
        async with asyncio.TaskGroup() as tasks:
            jobs = [[tasks.create_task(one(item, member)) for member in range(group)] for item in items]
        return [[job.result() for job in row] for row in jobs]

    return loops.run(everything())


class _Forked:
    """An `api.Reasoner` that is `trunk` up to the first cue and `branch` from there on."""

    def __init__(self, trunk: ModelReasoner, twig: ModelReasoner) -> None:
        self._trunk, self._twig = trunk, twig

    async def think(
        self, trace: Trace | None = None, *, max_tokens: int | None = None, effort: str | None = None
    ) -> Trace:
        return await self._of(trace).think(trace, max_tokens=max_tokens, effort=effort)

    def force(self, trace: Trace, cue: Cue, *, max_tokens: int | None = None) -> Trace:
        return self._twig.force(trace, cue, max_tokens=max_tokens)

    async def answer(self, trace: Trace) -> Answer:
        return await self._of(trace).answer(trace)

    def branch(self, label: str) -> ModelReasoner:
        return self._twig.branch(label)

    def vote(self, answers: Sequence[Answer]) -> Answer:
        return self._twig.vote(answers)

    def _of(self, trace: Trace | None) -> ModelReasoner:
        return self._twig if trace is not None and trace.cues else self._trunk
