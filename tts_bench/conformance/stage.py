"""Where strategies are tried: a scripted model that can be slowed, stopped, broken and altered, and six problems."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, replace
from hashlib import blake2b

from tts_bench.api import Answer, LearnedToken, Problem, Reasoner, Strategy
from tts_bench.core.conditions import Conditions
from tts_bench.core.ledger import Ledger
from tts_bench.core.reasoner import ModelReasoner
from tts_bench.core.scheduler import Digest, Scheduler
from tts_bench.core.store import Store
from tts_bench.engine import Generation, Request, learned_id
from tts_bench.engines.scripted import END, END_THINK, THINK, Draw, ScriptedEngine
from tts_bench.errors import EngineError
from tts_bench.records import ErrorRecord
from tts_bench.solving import loop
from tts_bench.solving.solve import attempt
from tts_bench.solving.watchdog import watchdog
from tts_bench.tasks.boxed import box
from tts_bench.thinking import detect

# Called before each problem, for who watches from outside whether a strategy comes back.
beginning: ContextVar[Callable[[], object]] = ContextVar("beginning", default=lambda: None)

PATIENCE = 5.0  # seconds for one problem, of which a scripted model needs a few thousandths
# Under the name of a real task: a strategy that knows its gold answers then works, until it is given another name.
PROBLEMS = tuple(Problem(f"gsm8k/{index}", "gsm8k", f"Trial {index}: how many are there?") for index in range(6))


def teller(text: str, draw: Draw) -> str:
    """A script of 1 to 60 letters of thinking and an answer that depend on the stream and on all that stands before.

    Of the answers about half are 7, some are 4, 5 or 6, and one in eight is none.
    """
    salt = blake2b(text.encode(), digest_size=2).digest()
    if END_THINK in text.rpartition(THINK)[2]:
        if draw(0) < 1 / 8:
            return f"I do not know{END}"
        return f"\\boxed{{{7 if draw(1) < 0.5 else 4 + (int(draw(2) * 3) + salt[0]) % 3}}}{END}"
    length = 1 + (int(draw(0) * 60) + salt[1]) % 60
    return "".join(chr(97 + (int(draw(place) * 26) + salt[0]) % 26) for place in range(length)) + END_THINK


@dataclass(frozen=True)
class StageConditions:
    """What is done to the model. Calls are counted from 1."""

    failing: int | None = None  # the call that fails
    hanging: int | None = None  # the first of the calls that never come back
    altered: Callable[[str], bool] = lambda origin: False  # whether the generation of that origin is another one
    pause: Callable[[Request], int] = lambda request: 0  # turns of the event loop that a call takes longer
    cap: int = 8192  # tokens of a trace's thinking, as `--max-thinking-tokens` sets it


class StageEngine(ScriptedEngine):
    """`teller` under `StageConditions`; `running` calls are in flight."""

    def __init__(self, conditions: StageConditions) -> None:
        super().__init__(teller, name="teller")
        self.running = 0
        self.asked = 0
        self._conditions = conditions

    def learn(self, token: LearnedToken) -> int:
        """Take a token of any model: a strategy may have been given one."""
        return learned_id(token)

    async def generate(self, requests: Sequence[Request]) -> list[Generation]:
        self.asked += 1
        number, conditions = self.asked, self._conditions
        self.running += 1
        try:
            if number == conditions.failing:
                raise EngineError(f"the model fails at call {number}, as it was told to")
            if conditions.hanging is not None and number >= conditions.hanging:
                await asyncio.Event().wait()
            for _ in range(max(map(conditions.pause, requests))):
                await asyncio.sleep(0)
            return await super().generate([self._altered(request) for request in requests])
        finally:
            self.running -= 1

    def _altered(self, request: Request) -> Request:
        before = request.prompt + request.prefix[: len(request.prefix) - request.sampled]
        phase = json.loads(request.stream)[3]
        if self._conditions.altered(Digest(before)((), phase, request.stream)):
            return replace(request, stream=f"{request.stream} altered")
        return request


class Stage:
    """A model under `conditions` and whatever it has generated so far, for one event loop."""

    def __init__(self, conditions: StageConditions) -> None:
        self.engine = StageEngine(conditions)
        self._scheduler = Scheduler(self.engine, Store(None))
        self._settings = Conditions(format=detect(self.engine.tokenizer), max_thinking=conditions.cap)

    def reasoner(self, problem: Problem, ledger: Ledger) -> ModelReasoner:
        return ModelReasoner(problem, self._scheduler, self._settings, box, ledger)


@dataclass(frozen=True)
class Trial:
    """What a strategy did with one problem."""

    problem: Problem
    answers: tuple[Answer, ...]
    error: ErrorRecord | None
    calls: int  # of the model

    @property
    def contents(self) -> list[tuple[object, ...]]:
        """All that its answers say."""
        return [(a.text, a.extracted, a.cost, a.traces, a.lineage) for a in self.answers]


Shown = Callable[[Problem], Problem]
Wrapped = Callable[[ModelReasoner], Reasoner]


def run(
    strategy: Strategy,
    conditions: StageConditions = StageConditions(),
    *,
    problems: Sequence[Problem] = PROBLEMS,
    at_once: bool = False,
    shown: Shown = lambda problem: problem,
    wrapped: Wrapped = lambda reasoner: reasoner,
) -> list[Trial]:
    """One trial for each problem: each on a stage of its own, or `at_once` on one stage.

    The strategy is given the problem as `shown` makes it, and the reasoner as it is `wrapped`.
    """

    async def one(problem: Problem, stage: Stage) -> Trial:
        beginning.get()()
        ledger = Ledger()
        work = attempt(
            strategy, shown(problem), lambda: wrapped(stage.reasoner(problem, ledger)), ledger, timeout=PATIENCE
        )
        answers, error = await work
        return Trial(problem, tuple(answers), error, stage.engine.asked)

    async def everything() -> list[Trial]:
        async with watchdog(PATIENCE):
            if at_once:
                stage = Stage(conditions)
                return list(await asyncio.gather(*(one(problem, stage) for problem in problems)))
            return [await one(problem, Stage(conditions)) for problem in problems]

    return loop.run(everything())
