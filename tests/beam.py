"""Beam search over lines of thinking (arXiv 2408.03314): the beams that a scorer likes most are gone on from."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from tts_bench.api import Aggregation, Answer, Problem, Reasoner, Score, Trace, aggregate


@dataclass(frozen=True)
class Beam:
    """`beams` at once, of which one in `width` goes on, `width` times each, for at most `rounds` lines."""

    beams: int = 4
    width: int = 2
    rounds: int = 12
    scorer: str = "line"
    how: Aggregation = "min"

    @property
    def needs(self) -> tuple[str, ...]:
        return ("stops", f"scorer:{self.scorer}")

    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        seen: list[Score] = []
        best: list[tuple[float, Trace]] = []
        going: list[Trace | None] = [None] * self.beams
        for number in range(self.rounds):
            doors = [reasoner.branch(f"{number}.{place}", seen=seen) for place in range(len(going))]
            pairs = zip(doors, going, strict=True)
            traces = await asyncio.gather(*(door.think(trace, stop=["\n"]) for door, trace in pairs))
            scores = await reasoner.score(traces, by=self.scorer)
            seen += scores
            values = [aggregate(score.steps or (score.value,), self.how) for score in scores]
            ranked = sorted(zip(values, traces, strict=True), key=lambda pair: -pair[0])  # stable: the first of equals
            best += [pair for pair in ranked if not pair[1].stopped]
            going = [
                trace for _, trace in ranked[: self.beams // self.width] if trace.stopped for _ in range(self.width)
            ]
            if not going:
                break
        _, trace = max(best or ranked, key=lambda pair: pair[0])
        yield reasoner.choose(await reasoner.answer(trace), seen=seen)
