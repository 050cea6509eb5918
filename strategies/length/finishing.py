"""Shared by strategies in which samples think in parallel until some have finished."""

from __future__ import annotations

from collections.abc import Sequence

from tts_bench.api import Answer, Reasoner, Trace
from tts_bench.strategies.sampling import together

Pair = tuple[Reasoner, Trace]


async def raced(reasoner: Reasoner, k: int, enough: int, budget: int | None) -> list[Pair]:
    """Branches 0 to `k` - 1 and their traces, once `enough` of them have finished thinking; the others stop there."""
    branches = [reasoner.branch(str(index)) for index in range(k)]
    traces = await reasoner.race(branches, enough=lambda ended: len(ended) >= enough, max_tokens=budget)
    return list(zip(branches, traces, strict=True))


def finished(pairs: Sequence[Pair]) -> list[Pair]:
    """Traces that ended thinking by themselves; all traces if a limit ended every one."""
    return [pair for pair in pairs if pair[1].thinking_ended] or list(pairs)


def by_length(pairs: Sequence[Pair]) -> list[Pair]:
    """From the shortest thinking to the longest; ties keep sample order."""
    return sorted(pairs, key=lambda pair: pair[1].thinking_tokens)  # stable


async def replies(pairs: Sequence[Pair]) -> list[Answer]:
    """The answers of the traces, in order."""
    return await together(branch.answer(trace) for branch, trace in pairs)
