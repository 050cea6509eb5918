"""Shared by strategies that think less: parallel samples, and one rung per number of samples for their vote."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

from tts_bench.api import Answer, Reasoner
from tts_bench.strategies.sampling import together


def rungs(samples: int) -> tuple[str, ...]:
    """Names of the answers that `votes` yields."""
    return tuple(str(count + 1) for count in range(samples))


async def votes(
    reasoner: Reasoner, samples: int, sample: Callable[[Reasoner], Awaitable[Answer]]
) -> AsyncIterator[Answer]:
    """The votes of the first samples, 1 to all; sample i is drawn in branch i."""
    answers = await together(sample(reasoner.branch(str(number))) for number in range(samples))
    for count in range(1, samples + 1):
        yield reasoner.vote(answers[:count])


def asked(
    reasoner: Reasoner, prompt: str, samples: int, budget: int | None, max_answer: int | None = None
) -> AsyncIterator[Answer]:
    """The votes of samples for another prompt."""

    async def sample(door: Reasoner) -> Answer:
        return await door.answer(await door.think(max_tokens=budget), max_tokens=max_answer)

    return votes(reasoner.ask(prompt), samples, sample)
