"""Where strategies are tried: a scripted model that can be slowed, stopped, broken and altered, and six problems."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import cache
from hashlib import blake2b

from tts_bench.api import Answer, LearnedToken, Problem, Reasoner, Strategy
from tts_bench.core.conditions import Conditions
from tts_bench.core.generations import continued, cut
from tts_bench.core.ledger import Ledger
from tts_bench.core.reasoner import ModelReasoner
from tts_bench.core.sampler import PIECE
from tts_bench.core.scheduler import Digest, Scheduler
from tts_bench.core.scoring import Scoring
from tts_bench.core.store import Store
from tts_bench.engine import Generation, Request, learned_id
from tts_bench.engines.scripted import END, END_THINK, THINK, Draw, ScriptedEngine
from tts_bench.errors import EngineError
from tts_bench.records import ErrorRecord
from tts_bench.scorer import Candidate, ScorerInfo, Verdict
from tts_bench.solving import loop
from tts_bench.solving.requirements import columns_of
from tts_bench.solving.solve import attempt
from tts_bench.solving.watchdog import watchdog
from tts_bench.tasks.boxed import box
from tts_bench.thinking import detect
from tts_bench.thinking.format import ThinkingFormat

# Called before each problem, for who watches from outside whether a strategy comes back.
beginning: ContextVar[Callable[[], object]] = ContextVar("beginning", default=lambda: None)

PATIENCE = 5.0  # seconds for one problem, of which a scripted model needs a few thousandths
# Under the name of a real task: a strategy that knows its gold answers then works, until it is given another name.
PROBLEMS = tuple(Problem(f"gsm8k/{index}", "gsm8k", f"Trial {index}: how many are there?") for index in range(6))


_SAID = (
    "Wait, ",
    "Hmm. ",
    "so ",
    "\n\n",
    "Alternatively, ",
    "\\boxed{{{0}}} ",
    "{0} and ",
    "{1}{0}. ",
    "that is {0}.\n",
)


def teller(text: str, draw: Draw) -> str:
    """A script of 1 to 60 characters of thinking and an answer that depend on the stream and on all that stands before.

    It thinks in steps and lines, doubts, counts, and boxes what it holds true at the time. Of the answers about half
    are 7, some are 4, 5 or 6, and one in eight is none.
    """
    salt = blake2b(text.encode(), digest_size=2).digest()
    if END_THINK in text.rpartition(THINK)[2]:
        if draw(0) < 1 / 8:
            return f"I do not know{END}"
        return f"\\boxed{{{7 if draw(1) < 0.5 else 4 + (int(draw(2) * 3) + salt[0]) % 3}}}{END}"
    length = 1 + (int(draw(0) * 60) + salt[1]) % 60
    said = ""
    while len(said) < length:
        place = len(said)
        word = _SAID[(int(draw(place) * len(_SAID)) + salt[0]) % len(_SAID)]
        said += word.format(4 + int(draw(place + 1) * 4), chr(97 + int(draw(place + 2) * 26)))
    return said[:length] + END_THINK


@dataclass(frozen=True)
class StageConditions:
    """What is done to the model. Calls are counted from 1."""

    failing: int | None = None  # the call that fails
    hanging: int | None = None  # the first of the calls that never come back
    altered: Callable[[str], int | None] = lambda origin: None  # the token from which that generation is another one
    variant: int = 0  # which other one
    pause: Callable[[Request], int] = lambda request: 0  # turns of the event loop that a call takes longer
    cap: int = 8192  # tokens of a trace's thinking, as `--max-thinking-tokens` sets it
    piece: int = PIECE  # tokens between two looks at what is sampled


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
                raise EngineError(f"the model fails at call {number}, as configured")
            if conditions.hanging is not None and number >= conditions.hanging:
                await asyncio.Event().wait()
            for _ in range(max(map(conditions.pause, requests))):
                await asyncio.sleep(0)
            return await super().generate(requests)
        finally:
            self.running -= 1

    def _generate(self, request: Request) -> Generation:
        begun = request.prefix[: len(request.prefix) - request.sampled]
        phase = json.loads(request.stream)[3]
        place = self._conditions.altered(Digest(request.prompt)(begun, phase, request.stream))
        if place is None:
            return super()._generate(request)
        whole = replace(request, prefix=begun, sampled=0, max_tokens=self.info.context)
        other = f"{whole.stream} altered {self._conditions.variant}"
        made = _from(place, super()._generate(whole), super()._generate(replace(whole, stream=other)))
        left = replace(made, tokens=made.tokens[request.sampled :], columns=made.columns.after(request.sampled))
        return cut(left, request.max_tokens)


def _from(place: int, one: Generation, other: Generation) -> Generation:
    """`one` up to `place`, and from there `other`; where that has come to its end by then, the end of `one`."""
    if place >= len(one.tokens):
        return one
    if place >= len(other.tokens):
        end = len(one.tokens) - one.stop
        tail = Generation(one.tokens[end:], "stop", one.stop, one.columns.after(end))
    else:
        tail = replace(other, tokens=other.tokens[place:], columns=other.columns.after(place))
    return continued(one, place, tail)


class StageScorer:
    """Has a number for each text, and for each of its lines, that nobody can foresee."""

    info = ScorerInfo("stage", "stage", "stage", parameters=1, layers=1, width=1)

    async def score(self, problem: Problem, candidates: Sequence[Candidate]) -> list[Verdict]:
        return [self._verdict(candidate.text()) for candidate in candidates]

    async def close(self) -> None:
        """Nothing is held."""

    def _verdict(self, text: str) -> Verdict:
        numbers = [blake2b(line.encode(), digest_size=2).digest() for line in (text, *text.split("\n"))]
        value, *steps = (int.from_bytes(number) / 2**16 for number in numbers)
        return Verdict(value, tuple(steps), read=len(text))


class StageScoring(Scoring):
    """Knows a scorer of every name that a strategy may ask for."""

    def named(self, by: str) -> str:
        self.scorers.setdefault(by or "any", StageScorer())
        return by or "any"


@cache
def _format() -> ThinkingFormat:
    """How the model thinks, whatever its conditions: there is one stage for each trial."""
    return detect(StageEngine(StageConditions()).tokenizer)


class Stage:
    """A model under `conditions` and whatever it has generated so far, for one event loop."""

    def __init__(self, conditions: StageConditions, columns: tuple[str, ...] = ()) -> None:
        """`columns`: what `logprobs()` is to give."""
        self.engine = StageEngine(conditions)
        self._scheduler, self._scoring = Scheduler(self.engine, Store(None)), StageScoring()
        self._settings = Conditions(format=_format(), max_thinking=conditions.cap, columns=columns)
        self._piece = conditions.piece

    def reasoner(self, problem: Problem, ledger: Ledger) -> ModelReasoner:
        return ModelReasoner(
            problem, self._scheduler, self._settings, box, ledger, piece=self._piece, scoring=self._scoring
        )


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
        columns = columns_of(strategy)
        async with watchdog(PATIENCE):
            if at_once:
                stage = Stage(conditions, columns)
                return list(await asyncio.gather(*(one(problem, stage) for problem in problems)))
            return [await one(problem, Stage(conditions, columns)) for problem in problems]

    return loop.run(everything())
