"""Claims about the numbers that an engine returns with its tokens, if any."""

from __future__ import annotations

import math
from dataclasses import replace

from tts_bench.columns import ENTROPY, LOGPROB, named, top_mean
from tts_bench.conformance.asking import (
    Trial,
    ask,
    ask_at_once,
    cut,
    judge,
    needs,
    needs_continuing,
    other,
    same,
    trials,
)
from tts_bench.conformance.kit import Broken
from tts_bench.engine import Engine, Generation

_MANY = 5  # of the mean that is tried beside that of one
_NEAR = 0.05  # nats by which sums in another order may move a number, in 16 bits or of quantised weights
_ROUNDED = 1e-4  # above what cannot be: a logarithm of a sum of rounded numbers


def columns(engine: Engine) -> None:
    """Each requested column has a finite number for every token, and no other column is returned."""
    for trial in _measured(engine):
        _check_whole(trial)
        for name, numbers in trial.whole.columns.items():
            least = 0.0 if name == ENTROPY else -math.inf
            most = math.inf if name == ENTROPY else 0.0
            if wrong := [n for n in numbers if not least - _ROUNDED <= n <= most + _ROUNDED or not math.isfinite(n)]:
                raise Broken(f"{name} is {wrong[0]}; it has to be finite and {'not ' if most else ''}below 0")
        _check_order(trial.whole)


def columns_beside_tokens(engine: Engine) -> None:
    """Requesting columns changes no token."""
    measured = _measured(engine)
    plain = ask(engine, [replace(trial.request, columns=()) for trial in measured])
    pairs = zip(plain, measured, strict=True)
    judge(engine, [other(engine, trial.tokens, made.tokens, "with columns requested") for made, trial in pairs])


def columns_after_a_cut(engine: Engine) -> None:
    """A generation cut by its limit continues with the numbers that it would have had uncut."""
    needs_continuing(engine)
    measured = [trial for trial in _measured(engine) if len(trial.tokens) > 1]
    places = [len(trial.tokens) // 2 for trial in measured]
    rests = ask(engine, [cut(trial, at) for trial, at in zip(measured, places, strict=True)])
    wrong = []
    for trial, at, rest in zip(measured, places, rests, strict=True):
        joined = replace(rest, tokens=trial.tokens[:at] + rest.tokens, columns=trial.whole.columns.cut(at))
        joined = replace(joined, columns=joined.columns.joined(at, rest.columns))
        wrong.append(_moved(engine, joined, trial.whole, f"cut after {at} tokens and continued,"))
    judge(engine, wrong)


def columns_in_company(engine: Engine) -> None:
    """Batched, reordered or alone, a request has the same numbers; bit-identical if the engine is exact."""
    asked = [trial.request for trial in _measured(engine)]
    together = ask_at_once(engine, asked)
    turned = ask_at_once(engine, asked[::-1])[::-1]
    alone = [ask_at_once(engine, [request])[0] for request in asked]
    for how, found in (("in another order", turned), ("alone", alone)):
        judge(engine, [_moved(engine, made, due, how) for made, due in zip(found, together, strict=True)])


def names(engine: Engine) -> tuple[str, ...]:
    """Columns that the engine says it gives."""
    most = engine.info.top_logprobs
    means = [top_mean(count) for count in (1, _MANY) if most is None or count <= most]
    return named(frozenset((LOGPROB, *means, *([ENTROPY] if most is None else []))))


def _measured(engine: Engine) -> list[Trial]:
    needs(engine, "logprobs")
    asked = [replace(trial.request, columns=names(engine)) for trial in trials(engine)]
    return [Trial(*pair) for pair in zip(asked, ask(engine, asked), strict=True)]


def _check_whole(trial: Trial) -> None:
    found = {name: len(numbers) for name, numbers in trial.whole.columns.items()}
    due = dict.fromkeys(trial.request.columns, len(trial.tokens)) if trial.tokens else {}
    if found != due:
        raise Broken(f"it returns {_counted(found)} instead of {_counted(due)} for {len(trial.tokens)} tokens")


def _check_order(whole: Generation) -> None:
    """The likeliest token is at least as likely as the sampled one, and as the mean of it and others."""
    given = whole.columns
    for less in (LOGPROB, top_mean(_MANY)):
        for best, other_one in zip(given.get(top_mean(1), ()), given.get(less, ()), strict=False):
            if other_one > best + _ROUNDED:
                raise Broken(f"{less} is {other_one}, but the largest log-probability is {best}")


def _moved(engine: Engine, made: Generation, due: Generation, how: str) -> str:
    """For `judge`: a number that is another one though the tokens are the same."""
    if not same(engine, made.tokens, due.tokens):
        return ""  # other claims are about tokens
    for name, numbers in due.columns.items():
        found = made.columns.get(name, ())
        if len(found) != len(numbers):
            return f"{how} {name} has {len(found)} numbers for {len(numbers)} tokens"
        for place, (one, another) in enumerate(zip(found, numbers, strict=True)):
            if one != another and (engine.info.exact or abs(one - another) > _NEAR):
                return f"{how} {name} of token {place} is {one}, instead of {another}"
    return ""


def _counted(lengths: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in lengths.items()) or "no columns"
