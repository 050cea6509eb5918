"""Claims about the text that an engine generates: its length, its order, and that it is reproducible."""

from __future__ import annotations

from dataclasses import replace

from tts_bench.conformance.asking import (
    FREE,
    GREEDY,
    ask,
    ask_at_once,
    begins,
    cut,
    judge,
    needs,
    needs_continuing,
    other,
    requests,
    shown,
    trials,
)
from tts_bench.conformance.kit import Broken, NotApplicable
from tts_bench.engine import Engine, Generation

_FINISHES = ("stop", "length", "context")
_SAMPLES = 8


def generates(engine: Engine) -> None:
    """It generates for each request tokens that its tokenizer can decode, and a finish reason."""
    for made in ask_at_once(engine, requests(engine)):
        if not isinstance(made, Generation):
            raise Broken(f"it returns a {type(made).__name__}; it has to be a tts_bench.engine.Generation")
        if made.finish not in _FINISHES:
            raise Broken(f"a generation ends with {made.finish!r}; it has to be one of {', '.join(_FINISHES)}")
        if not made.tokens:
            raise Broken(f"a prompt with room after it yields no token, and ends with {made.finish!r}")
        try:
            engine.tokenizer.decode(made.tokens)
        except Exception as error:
            raise Broken(f"its tokenizer cannot decode {made.tokens}: {type(error).__name__}: {error}") from error


def order(engine: Engine) -> None:
    """Generations come in the order of their requests, whichever is done first."""
    longest = max(trials(engine, least=3), key=lambda trial: len(trial.tokens))
    top = len(longest.tokens)
    limits = [top, 1, max(2, top // 2), top, 1, max(2, top // 3)]
    made = ask_at_once(engine, [replace(longest.request, max_tokens=limit) for limit in limits])
    counts = [len(each.tokens) for each in made]
    for one, limit in enumerate(limits):
        for two, least in enumerate(limits):
            if limit < least and made[two].finish == "length" and counts[one] > counts[two]:
                raise Broken(f"limits of {limits} tokens in one call give {counts}, which is a different order")


def budget(engine: Engine) -> None:
    """Budgets hold exactly: a generation that ends for length has exactly `max_tokens`, and none has more."""
    longest = max(trials(engine), key=lambda trial: len(trial.tokens))
    for limit in (1, 2, 3, 5, 8, 13):
        [made] = ask(engine, [replace(longest.request, max_tokens=limit)])
        count = len(made.tokens)
        if count > limit or (made.finish == "length" and count < limit):
            raise Broken(f"with max_tokens={limit} it generates {count} tokens and ends with {made.finish!r}")
        if engine.info.exact and limit < len(longest.tokens) and made.finish != "length":
            raise Broken(f"max_tokens={limit} cuts a text of {len(longest.tokens)} tokens, but it has {made.finish!r}")


def prefixes(engine: Engine) -> None:
    """A shorter request gives a prefix of what a longer one gives."""
    found = trials(engine, least=2)
    halves = [len(trial.tokens) // 2 for trial in found]
    asked = [replace(trial.request, max_tokens=half) for trial, half in zip(found, halves, strict=True)]
    wrong = []
    for trial, short in zip(found, ask(engine, asked), strict=True):
        long = f"where more are allowed it generates {shown(engine, trial.tokens)}"
        alike = begins(engine, short.tokens, trial.tokens)
        wrong.append("" if alike else f"cut to half it generates {shown(engine, short.tokens)}, {long}")
    judge(engine, wrong)


def continuation(engine: Engine) -> None:
    """A generation cut by its limit continues as if uncut; sampled ones too if the engine is exact."""
    needs_continuing(engine)
    wrong = []
    for sampling in (GREEDY, FREE) if engine.info.exact else (GREEDY,):
        found = trials(engine, sampling, least=2)
        pieces = [(trial, at) for trial in found for at in sorted({1, len(trial.tokens) // 2, len(trial.tokens) - 1})]
        for (trial, at), rest in zip(pieces, ask(engine, [cut(*piece) for piece in pieces]), strict=True):
            how = f"cut after {at} tokens and continued,"
            wrong.append(other(engine, rest.tokens, trial.tokens[at:], how))
            if not wrong[-1] and rest.finish != trial.whole.finish:
                wrong[-1] = f"{how} it ends with {rest.finish!r}, uncut with {trial.whole.finish!r}"
    judge(engine, wrong)


def seeds(engine: Engine) -> None:
    """The same stream gives the same text, and other streams give others."""
    needs(engine, "seeds")
    found = trials(engine, FREE)
    again = ask(engine, [trial.request for trial in found])
    pairs = zip(found, again, strict=True)
    judge(engine, [other(engine, made.tokens, trial.tokens, "with the same stream again") for trial, made in pairs])
    request = found[0].request
    others = ask(engine, [replace(request, stream=f"another {n}") for n in range(_SAMPLES)])
    if len({made.tokens for made in others}) == 1:
        raise Broken(f"{_SAMPLES} streams at temperature 1 all give {shown(engine, others[0].tokens)}")


def samples(engine: Engine) -> None:
    """Samples of one prompt in one call differ, and each is the same however many are requested."""
    [request] = requests(engine, 1, FREE)
    asked = [replace(request, stream=f"sample {n}") for n in range(_SAMPLES)]
    made = ask_at_once(engine, asked)
    if len({each.tokens for each in made}) == 1:
        raise Broken(f"{_SAMPLES} samples of one prompt in one call all give {shown(engine, made[0].tokens)}")
    if "seeds" in engine.info.capabilities:
        few = ask_at_once(engine, asked[: _SAMPLES // 2])
        pairs = zip(few, made, strict=False)
        judge(engine, [other(engine, one.tokens, due.tokens, f"as one of {len(few)} samples") for one, due in pairs])


def concurrency(engine: Engine) -> None:
    """Batch-invariant: batched, reordered or alone, a request gives the same text."""
    if not engine.info.exact:
        raise NotApplicable(f"the engine is not exact: {engine.info.exact_note}")
    asked = requests(engine)
    together = ask_at_once(engine, asked)
    turned = ask_at_once(engine, asked[::-1])[::-1]
    alone = [ask_at_once(engine, [request])[0] for request in asked]
    for how, found in (("in another order", turned), ("alone", alone)):
        judge(engine, [other(engine, made.tokens, due.tokens, how) for made, due in zip(found, together, strict=True)])
