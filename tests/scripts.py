"""Scripts and small parts that tests of the core share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import cache

from tests.engines.rambling import rambler
from tts_bench import loops, registry
from tts_bench.core.conditions import Conditions
from tts_bench.core.scheduler import Scheduler
from tts_bench.core.scoring import Scoring
from tts_bench.core.store import Store
from tts_bench.engine import Generation, Request, Sampling
from tts_bench.engines.scripted import Draw, Script, ScriptedEngine, adder
from tts_bench.records import Record
from tts_bench.scorer import Scorer
from tts_bench.solving.solve import Arm, Item, solve
from tts_bench.thinking import ThinkingFormat, detect

__all__ = ["Counted", "World", "number", "rambler"]


def number(text: str) -> str | None:
    """The boxed content of an answer."""
    _, _, boxed = text.rpartition("\\boxed{")
    return boxed.partition("}")[0] or None


class Counted(ScriptedEngine):
    """Keeps the requests it was given."""

    def __init__(self, script: Script, *, name: str) -> None:
        super().__init__(script, name=name)
        self.calls: list[Request] = []

    async def generate(self, requests: Sequence[Request]) -> list[Generation]:
        self.calls += requests
        return await super().generate(requests)


@cache
def _format() -> ThinkingFormat:
    """How scripted models think: all have one tokenizer, and studying its template is most of making a world."""
    return detect(ScriptedEngine(adder).tokenizer)


class World:
    """A scripted engine, a store and conditions, ready to solve."""

    def __init__(
        self,
        script: Callable[[str, Draw], str] = adder,
        store: Store | None = None,
        scorers: Mapping[str, Scorer] | None = None,
        **conditions: int | str | Sampling | tuple[str, ...],
    ) -> None:
        self.engine = Counted(script, name=script.__name__)
        self.store = Store(None) if store is None else store
        self.scheduler = Scheduler(self.engine, self.store)
        self.scoring = Scoring(scorers, self.store)
        self.conditions = Conditions(format=_format(), **conditions)  # type: ignore[arg-type]

    def item(self, doc_id: int = 0, prompt: str = "Ann has 17 apples and gets 25 more. How many has she?") -> Item:
        return Item("sums", doc_id, 0, prompt, (), number)

    def run(self, *specs: str, items: list[Item] | None = None, timeout: float = 60.0) -> list[Record]:
        """Records of all strategies on all items, everything at once, in the order of items and strategies."""
        arms = [Arm(built.id, built.strategy) for built in registry.build_all(specs)]
        return self.run_arms(arms, items=items, timeout=timeout)

    def run_arms(self, arms: list[Arm], *, items: list[Item] | None = None, timeout: float = 60.0) -> list[Record]:
        async def everything() -> list[Record]:
            work = [
                solve(arm, item, self.scheduler, self.conditions, timeout, scoring=self.scoring)
                for item in items or [self.item()]
                for arm in arms
            ]
            return list(await asyncio.gather(*work))

        return loops.run(everything())
