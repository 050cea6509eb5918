"""What strategies ask of a model and its engine, as their options tell before a run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from tts_bench.api import Budget, Effort, Forced, Strategy
from tts_bench.config import Needs
from tts_bench.marks import marks, values
from tts_bench.registry import BuiltStrategy


def budgets(strategy: Strategy) -> list[int]:
    """Lengths of thinking, in tokens."""
    return cast(list[int], list(values(strategy, Budget)))


def efforts(strategy: Strategy) -> list[str]:
    """Settings of a server's own knob."""
    return cast(list[str], list(values(strategy, Effort)))


def needs(strategies: Iterable[BuiltStrategy]) -> Needs:
    """What `strategies` ask of an engine."""
    built = list(strategies)
    levels = dict.fromkeys(level for each in built for level in efforts(each.strategy))
    return Needs(next((messages_only(why) for each in built if (why := thinks_on(each))), ""), tuple(levels))


def thinks_on(built: BuiltStrategy) -> str:
    """Which strategy has to go on from inside a trace, and why, as far as its options tell."""
    if Forced in marks(built.strategy).values():
        return f"{built.id}: it puts a cue in the place of the end of thinking"
    several = len(set(budgets(built.strategy))) > 1
    return f"{built.id}: it lets one trace grow through several budgets" if several else ""


def messages_only(why: str) -> str:
    """What to say where a strategy has to go on from inside a trace and the endpoint takes whole messages."""
    return (
        f"{why}, but the endpoint takes messages only and cannot think on from where a trace stands. Run --strategy "
        "baseline and --strategy majority-vote, or serve the model with a completions endpoint."
    )
