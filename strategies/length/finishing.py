"""What strategies share that let samples think at once until some have finished."""

from __future__ import annotations

from collections.abc import Sequence

from tts_bench.api import Answer, Reasoner, Trace
from tts_bench.strategies.sampling import together

Pair = tuple[Reasoner, Trace]


async def raced(reasoner: Reasoner, k: int, enough: int, budget: int | None) -> list[Pair]:
    """Branches 0 to `k` - 1 with their traces, when `enough` of them have finished thinking; the others stop there."""
    branches = [reasoner.branch(str(index)) for index in range(k)]
    traces = await reasoner.race(branches, enough=lambda ended: len(ended) >= enough, max_tokens=budget)
    return list(zip(branches, traces, strict=True))


def finished(pairs: Sequence[Pair]) -> list[Pair]:
    """Those that ended their thinking themselves; all, where a limit ended every one."""
    return [pair for pair in pairs if pair[1].thinking_ended] or list(pairs)


def by_length(pairs: Sequence[Pair]) -> list[Pair]:
    """From the shortest thinking to the longest; of equals the first sample comes first."""
    return sorted(pairs, key=lambda pair: pair[1].thinking_tokens)  # stable


async def replies(pairs: Sequence[Pair]) -> list[Answer]:
    """The answers to the traces, in their order."""
    return await together(branch.answer(trace) for branch, trace in pairs)
