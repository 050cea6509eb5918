"""A strategy played against the real reasoner on a scripted engine, without a run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from tests.scripts import World, number, rambler
from tts_bench import loops
from tts_bench.api import Answer, Problem, Strategy
from tts_bench.core.ledger import Ledger
from tts_bench.core.reasoner import ModelReasoner
from tts_bench.engines.scripted import END, END_THINK, THINK, Draw
from tts_bench.scorer import Candidate, ScorerInfo, Verdict
from tts_bench.strategies.sampling import once

T = TypeVar("T")


class Saying:
    """A scorer that says of each text what `say` says."""

    def __init__(self, say: Callable[[str], Verdict]) -> None:
        self.info = ScorerInfo("saying", say.__name__, say.__name__, parameters=1000, layers=2, width=16)
        self._say = say

    async def score(self, problem: Problem, candidates: Sequence[Candidate]) -> list[Verdict]:
        return [self._say(candidate.text()) for candidate in candidates]

    async def close(self) -> None:
        pass


def opened(
    script: Callable[[str, Draw], str] = rambler,
    seed: int = 0,
    *,
    say: Callable[[str], Verdict] | None = None,
    columns: tuple[str, ...] = (),
    prompt: str = "",
) -> ModelReasoner:
    """A reasoner for a problem; `script` is what the model says next after a text, `say` what a scorer says of one."""
    world = World(script, None, {"good": Saying(say)} if say else None, seed=seed, columns=columns)
    problem = (world.item(prompt=prompt) if prompt else world.item()).problem
    return ModelReasoner(problem, world.scheduler, world.conditions, number, Ledger(), scoring=world.scoring)


def last(strategy: Strategy, door: ModelReasoner) -> Answer:
    return answers(strategy, door)[-1]


def answers(strategy: Strategy, door: ModelReasoner) -> list[Answer]:
    async def all_of_them() -> list[Answer]:
        return [answer async for answer in strategy.solve(door.problem, door)]

    return loops.run(all_of_them())


def done(work: Awaitable[T]) -> T:
    async def wait() -> T:
        return await work

    return loops.run(wait())


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
