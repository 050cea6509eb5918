"""What strategies ask of a model and its engine, as their options tell before a run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

from tts_bench.api import Budget, Effort, Forced, Strategy
from tts_bench.columns import ENTROPY, LOGPROB, TOP_MEAN, named, top_of
from tts_bench.config import Needs
from tts_bench.engine import Recording
from tts_bench.errors import UserError, did_you_mean
from tts_bench.marks import attribute, marks, values
from tts_bench.registry import BuiltStrategy
from tts_bench.text import safe

_CONTINUES = frozenset({"prefill", "stops"})  # needs of who goes on from inside a text
_BIAS = "bias"  # of who bans tokens, or favours them
_SCORER = "scorer"  # or "scorer:NAME": of who scores


def _is_column(name: object) -> bool:
    try:
        top_of(str(name))
    except ValueError:
        return False
    return True


def budgets(strategy: Strategy) -> list[int]:
    """Lengths of thinking, in tokens."""
    return cast(list[int], list(values(strategy, Budget)))


def efforts(strategy: Strategy) -> list[str]:
    """Settings of a server's own knob."""
    return cast(list[str], list(values(strategy, Effort)))


def stated(built: BuiltStrategy) -> frozenset[str]:
    """What the strategy itself says that it needs (`api.Strategy`).

    Raises:
        UserError: it cannot be had, or names what no engine has.
    """
    try:
        given = attribute(built.strategy, "needs")
        found = frozenset(given)
    except Exception as error:
        raise UserError(f"{safe(built.id)}: its needs cannot be read: {type(error).__name__}: {error}.") from error
    if isinstance(given, str):
        raise UserError(f"{safe(built.id)}: its needs are the text {given!r}. Write a tuple of texts: ({given!r},).")
    for name in found:
        if name not in {_BIAS, *_CONTINUES} and not _is_column(name) and str(name).partition(":")[0] != _SCORER:
            known = [_BIAS, *sorted(_CONTINUES), LOGPROB, ENTROPY, f"{TOP_MEAN}:20", _SCORER, f"{_SCORER}:NAME"]
            raise UserError(
                f"{safe(built.id)}: it needs {name!r}, which does not exist. {did_you_mean(str(name), known)}"
            )
    return found


def columns_of(strategy: Strategy) -> tuple[str, ...]:
    """Numbers beside each token that it says it needs."""
    return named(frozenset(name for name in getattr(strategy, "needs", ()) if _is_column(name)))


def biases(built: BuiltStrategy) -> bool:
    """Whether it needs an engine that takes biases.

    Raises:
        UserError: as `stated`.
    """
    return _BIAS in stated(built)


def scores(built: BuiltStrategy) -> bool:
    """Whether it needs a scorer.

    Raises:
        UserError: as `stated`.
    """
    return any(str(need).partition(":")[0] == _SCORER for need in stated(built))


def check_scorers(strategies: Iterable[BuiltStrategy], names: Sequence[str]) -> None:
    """Refuse strategies that need a scorer, or one of a name, where the run has the scorers `names`.

    Raises:
        UserError: one does, or as `stated`.
    """
    for built in strategies:
        for need in sorted(stated(built)):
            what, colon, name = need.partition(":")
            if what != _SCORER or (name in names if colon else names):
                continue
            known = f" The run has {', '.join(names)}." if names else ""
            raise UserError(
                f"{safe(built.id)}: it needs {f'a scorer called {name!r}' if colon else 'a scorer'}.{known} "
                f"Type --scorer {name or 'NAME'}=KIND:option=value; 'tts-bench scorers' lists the kinds."
            )


def columns(strategies: Iterable[BuiltStrategy]) -> tuple[str, ...]:
    """Numbers beside each token that any of `strategies` needs: all of a run get them, so that they share one pool.

    Raises:
        UserError: as `stated`.
    """
    return named(frozenset(name for each in strategies for name in stated(each) if _is_column(name)))


def needs(strategies: Iterable[BuiltStrategy]) -> Needs:
    """What `strategies` ask of an engine.

    Raises:
        UserError: as `stated`.
    """
    built = list(strategies)
    levels = dict.fromkeys(level for each in built for level in efforts(each.strategy))
    why = next((messages_only(why) for each in built if (why := thinks_on(each))), "")
    return Needs(why, tuple(levels), columns(built))


def thinks_on(built: BuiltStrategy) -> str:
    """Which strategy has to go on from inside a trace, and why, as far as its options tell."""
    if Forced in marks(built.strategy).values():
        return f"{safe(built.id)}: it replaces the end of thinking by a cue"
    if named_so := sorted(_CONTINUES & stated(built)):
        return f"{safe(built.id)}: it needs {' and '.join(named_so)}"
    several = len(set(budgets(built.strategy))) > 1
    return f"{safe(built.id)}: it continues one trace through several budgets" if several else ""


def samples(strategy: Strategy) -> int:
    """How many samples of a problem it draws, as its options tell; 1 where they tell nothing."""
    named = (getattr(strategy, name, None) for name in ("samples", "cap", "tries", "n", "k"))
    return next((count for count in named if isinstance(count, int)), 1)


def check_recorded(built: BuiltStrategy, recorded: Recording) -> None:
    """Refuse a strategy that needs more than what was recorded, as far as its options tell.

    Raises:
        UserError: it does, or as `stated`.
    """
    if why := thinks_on(built):
        raise UserError(f"{why}, but imported outputs cannot be continued. Run it on a model with --engine hf.")
    if (drawn := samples(built.strategy)) > recorded.samples:
        raise UserError(
            f"{safe(built.id)}: it draws {drawn:,} samples, but the pool has {recorded.samples:,} of {recorded.fewest}."
            f" Ask for {recorded.samples:,} or fewer, or import more outputs."
        )
    if (short := min(budgets(built.strategy), default=recorded.thinking)) < recorded.thinking:
        raise UserError(
            f"{safe(built.id)}: a budget of {short:,} tokens cuts thinking, and an answer after a cut was not recorded:"
            f" the longest thinking has {recorded.thinking:,} tokens. Remove the budget."
        )


def messages_only(why: str) -> str:
    """What to say where a strategy has to go on from inside a trace and the endpoint takes whole messages."""
    return (
        f"{why}, but the endpoint takes messages only and cannot continue a trace. Run --strategy "
        "baseline and --strategy majority-vote, or serve the model with a completions endpoint."
    )
