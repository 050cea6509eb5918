"""A reasoner with a scorer: a function of the problem and the candidate's thinking."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tests.scripts import World, number, rambler
from tts_bench.api import Problem
from tts_bench.core.ledger import Ledger
from tts_bench.core.reasoner import ModelReasoner
from tts_bench.engines.scripted import Draw
from tts_bench.scorer import Candidate, ScorerInfo, Verdict


class Says:
    """Scores a thought by a function of its text."""

    def __init__(self, say: Callable[[str], float]) -> None:
        self.say = say
        self.asked: list[str] = []
        self.info = ScorerInfo("says", "says", "says")

    async def score(self, problem: Problem, candidates: Sequence[Candidate]) -> list[Verdict]:
        self.asked += [candidate.thinking for candidate in candidates]
        return [Verdict(self.say(candidate.thinking)) for candidate in candidates]

    async def close(self) -> None:
        pass


def led(scorer: Says, script: Callable[[str, Draw], str] = rambler, seed: int = 0) -> ModelReasoner:
    """A reasoner for a problem, with this scorer as its only one."""
    world = World(script, scorers={"says": scorer}, seed=seed)
    return ModelReasoner(
        world.item().problem, world.scheduler, world.conditions, number, Ledger(), scoring=world.scoring
    )
