"""What strategies ask of a model and its engine, as their options tell before a run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from typing import get_type_hints

from tts_bench.api import LearnedToken, Strategy
from tts_bench.config import Needs
from tts_bench.registry import BuiltStrategy


def budgets(strategy: Strategy) -> Iterable[int]:
    yield from getattr(strategy, "budgets", None) or ()
    if budget := getattr(strategy, "budget", None):
        yield budget


def needs(strategies: Iterable[BuiltStrategy]) -> Needs:
    """What `strategies` ask of an engine."""
    built = list(strategies)
    levels = dict.fromkeys(level for each in built for level in efforts(each.strategy))
    return Needs(next((messages_only(why) for each in built if (why := thinks_on(each))), ""), tuple(levels))


def thinks_on(built: BuiltStrategy) -> str:
    """Which strategy has to go on from inside a trace, and why, as far as its options tell."""
    if hasattr(built.strategy, "cue") or learned_tokens(built.strategy):
        return f"{built.id}: it puts a cue in the place of the end of thinking"
    several = len(set(budgets(built.strategy))) > 1
    return f"{built.id}: it lets one trace grow through several budgets" if several else ""


def messages_only(why: str) -> str:
    """What to say where a strategy has to go on from inside a trace and the endpoint takes whole messages."""
    return (
        f"{why}, but the endpoint takes messages only and cannot think on from where a trace stands. Run --strategy "
        "baseline and --strategy majority-vote, or serve the model with a completions endpoint."
    )


def efforts(strategy: Strategy) -> Iterable[str]:
    return getattr(strategy, "efforts", None) or ()


def learned_tokens(strategy: Strategy) -> dict[str, LearnedToken | None]:
    """The options that take a learned token, and what they were given."""
    hints = get_type_hints(type(strategy))
    return {
        field.name: getattr(strategy, field.name)
        for field in fields(strategy)  # type: ignore[arg-type]  # the registry admits dataclasses only
        if hints[field.name] in (LearnedToken, LearnedToken | None)
    }
