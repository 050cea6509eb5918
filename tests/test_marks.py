"""Claims about marks: what an option asks of a model is told by its type, or by its name where nothing is marked."""

# ruff: noqa: F811 - fixtures are imported by name
from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest

from tests.refusals import place, refused, rows, write_data  # noqa: F401 - fixtures
from tts_bench import registry
from tts_bench.api import Answer, Budget, Effort, Forced, LearnedToken, Problem, Reasoner
from tts_bench.conformance import claims
from tts_bench.errors import UserError
from tts_bench.marks import marks
from tts_bench.options import options_of, spell
from tts_bench.registry import BuiltStrategy
from tts_bench.solving.requirements import budgets, efforts, needs, thinks_on

PLUGIN = """
from dataclasses import dataclass
from typing import Annotated
from tts_bench.api import Budget

@dataclass(frozen=True)
class Limited:
    limit: Annotated[int | None, Budget] = None
    async def solve(self, problem, reasoner):
        yield await reasoner.answer(await reasoner.think(max_tokens=self.limit))
"""


@dataclass(frozen=True)
class Thinking:
    async def solve(self, problem: Problem, reasoner: Reasoner) -> AsyncIterator[Answer]:
        yield await reasoner.answer(await reasoner.think())


@dataclass(frozen=True)
class Marked(Thinking):
    """Its `cue` is of something else, and its budgets are called otherwise."""

    cue: str = "of a billiard"
    limit: Annotated[int | None, Budget] = 5
    steps: Annotated[tuple[int, ...], Budget] = (7, 9)
    budget: int = 3


@dataclass(frozen=True)
class Old(Thinking):
    cue: str = "Wait"
    budget: int | None = 5
    budgets: tuple[int, ...] = ()
    efforts: tuple[str, ...] = ("low",)


@dataclass(frozen=True)
class WithToken(Thinking):
    row: LearnedToken | None = None


@dataclass(frozen=True)
class Forcing(Thinking):
    word: Annotated[str, Forced] = "Hmm"
    knob: Annotated[tuple[str, ...], Effort] = ("low", "high")


def built(strategy: Thinking) -> BuiltStrategy:
    return BuiltStrategy("it", "it", "it", strategy, "here")


def test_every_built_in_strategy_marks_what_it_asks_for() -> None:
    found = {
        name: marks(registry.strategy_class(name)())
        for name in registry.names()
        if registry.build(name).source[:4] == "test"
    }
    assert all(found[name].get("budget", Budget) is Budget for name in found)
    assert {name: found[name] for name in MARKED} == MARKED


MARKED = {
    "alpha-one": {"cue": Forced, "budget": Budget},
    "baseline": {"budgets": Budget},
    "budget-forcing": {"cue": Forced, "budget": Budget},
    "deepconf": {"budget": Budget},
    "deepconf-online": {"budget": Budget},
    "deepconf-online-short": {"budget": Budget},
    "deepconf-short": {"budget": Budget},
    "deer": {"cues": Forced, "text": Forced, "budget": Budget},
    "dynasor": {"text": Forced, "budget": Budget},
    "eat": {"budget": Budget},
    "learned-token": {"token": Forced, "budget": Budget},
    "majority-vote": {"budget": Budget},
    "mixed-cues": {"cues": Forced, "budget": Budget},
    "no-wait": {"budget": Budget},
    "reasoning-effort": {"efforts": Effort},
    "thought-switch-penalty": {"budget": Budget},
    "thought-terminator": {"deadline": Budget},
    "warm-cue": {"cue": Forced, "budget": Budget},
}


def test_marks_are_believed_and_names_are_not() -> None:
    assert marks(Marked()) == {"limit": Budget, "steps": Budget}
    assert budgets(Marked()) == [5, 7, 9]
    assert thinks_on(built(Marked(steps=()))) == ""
    assert thinks_on(built(Marked())) == "it: it continues one trace through several budgets"
    assert thinks_on(built(Forcing())) == "it: it replaces the end of thinking by a cue"
    assert needs([built(Forcing())]).efforts == ("low", "high")


def test_a_strategy_without_marks_is_read_by_names() -> None:
    assert marks(Old()) == {"cue": Forced, "budget": Budget, "budgets": Budget, "efforts": Effort}
    assert (budgets(Old()), efforts(Old())) == ([5], ["low"])
    assert marks(Thinking()) == {}


class Speaking(Thinking):
    needs = "scorer"


class Unreadable(Thinking):
    @property
    def needs(self) -> tuple[str, ...]:
        return self.what  # type: ignore[attr-defined, no-any-return]


@dataclass(frozen=True)
class Unresolved(Thinking):
    count: Nowhere = 1  # type: ignore[name-defined]  # noqa: F821


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        (Speaking(), r"its needs are the text 'scorer'\. Write a tuple of texts: \('scorer',\)\."),
        (Unreadable(), "its needs cannot be read: AttributeError: 'Unreadable' object has no attribute 'what'"),
        (Unresolved(), "an annotation of Unresolved cannot be resolved: name 'Nowhere' is not defined"),
    ],
    ids=["a text", "unreadable", "unresolved"],
)
def test_needs_that_cannot_be_told_are_refused_with_what_is_wrong(strategy: Thinking, message: str) -> None:
    with pytest.raises(UserError, match=message):
        needs([built(strategy)])


def test_a_learned_token_is_forced_marked_or_not() -> None:
    assert marks(WithToken()) == {"row": Forced}


def test_marks_change_neither_the_text_nor_the_types_of_options() -> None:
    assert spell("m", Marked()) == "m:cue=of a billiard,limit=5,steps=7+9,budget=3"
    assert [option.type for option in options_of(Marked)] == [
        "a text",
        "a whole number, or none",
        "whole numbers joined by +",
        "a whole number",
    ]


def test_a_budget_by_any_name_is_held_against_the_cap_before_the_run(refused: Callable[..., str]) -> None:
    write_data(rows())
    Path("limited.py").write_text(PLUGIN)
    small = "--engine scripted --tasks gsm8k --data-dir data --out runs/mine --max-thinking-tokens 100"
    message = refused(*small.split(), "--strategy", "./limited.py:Limited:limit=200")
    assert "a budget of 200 tokens is above the cap of 100 for every trace" in message


def test_the_claim_about_budgets_is_tried_by_any_name() -> None:
    with pytest.raises(AssertionError, match=r"a trace thinks for .* tokens where 3 are allowed"):
        claims.budget(Marked(steps=()))
