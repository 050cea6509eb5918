"""Claims about an engine's other inputs and its edges: cues, rows, ids, context, cancellation."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from hashlib import sha256

from tts_bench.api import LearnedToken
from tts_bench.conformance.asking import (
    CUE,
    FREE,
    Trial,
    ask,
    judge,
    needs,
    needs_continuing,
    other,
    patiently,
    requests,
    same,
    shown,
    trials,
)
from tts_bench.conformance.kit import Broken, NotApplicable
from tts_bench.engine import Engine, Generation, Request, learned_id
from tts_bench.errors import UserError

_SHORT = 8  # tokens behind a cue
_EMOJI = "\N{SLIGHTLY SMILING FACE}"
_TEXTS = ("So 7 + 5 = 12.\n\nWait, is it?", "  two  spaces ", "na\u00efve \u6f22\u5b57 " + _EMOJI, "<think>a</think>")
_WIDTHS: tuple[int, ...] = (*range(2, 129), *range(136, 16_385, 8))  # numbers in a row, as models have them
_FILLED = 4096  # tokens: the longest context that is filled for a trial
_LONG, _CALLS = 512, 4  # tokens and requests that are given up
_GRACE = 10.0  # seconds in which an engine has to come to rest
_REST = 0.5  # seconds without work that are a rest


def cue(engine: Engine) -> None:
    """A cue after a thought is read, and only what was sampled after it is returned."""
    needs_continuing(engine)
    found = trials(engine, least=2)
    asked = [_behind(trial, _thought(trial) + engine.tokenizer.encode(CUE)) for trial in found]
    made = ask(engine, asked)
    for each in made:
        if not each.tokens:
            raise Broken(f"after a thought and a cue it generates nothing, and ends with {each.finish!r}")
    if all(each.tokens[:_SHORT] == request.prefix[:_SHORT] for request, each in zip(asked, made, strict=True)):
        raise Broken(f"its output begins with the prefix: {shown(engine, made[0].tokens)}")
    pairs = zip(made, found, strict=True)
    if all(same(engine, each.tokens, trial.tokens[: len(each.tokens)]) for each, trial in pairs):
        raise Broken(f"after {len(made)} thoughts with a cue, it generates the same as without them")


def learned_rows(engine: Engine) -> None:
    """A learned row is read as a token, another row as another token; one that does not fit is refused."""
    needs(engine, "learned-tokens")
    width = _width(engine)
    flat, waves = _row(engine, (0.02,) * width), _row(engine, ((0.02, -0.02) * width)[:width])
    if _taken(engine, replace(flat, model="another model")):
        raise Broken("it accepts a token that was made for another model; refuse it with a UserError")
    for token in (flat, waves, flat):
        if not _taken(engine, token):
            raise Broken(f"it accepts one row of {width} numbers, but refuses a second one")
        if engine.learn(token) != learned_id(token):
            raise Broken("learn() must always return tts_bench.engine.learned_id(token)")
    found = trials(engine)
    for longer in (width + 1, width + 8):
        if _taken(engine, wrong := _row(engine, (0.02,) * longer)):  # then it has to be of use
            ask(engine, [_behind(found[0], (learned_id(wrong),))])
    known = [engine.tokenizer.encode(text)[:1] for text in (CUE, "7")]
    if _tells_apart(engine, found, *known) and not _tells_apart(
        engine, found, (learned_id(flat),), (learned_id(waves),)
    ):
        raise Broken("two different rows give the same text after every trial prompt")


def token_ids(engine: Engine) -> None:
    """Text survives encoding and decoding: nothing is added or lost, and ends of turn are single named ids."""
    encode, decode = engine.tokenizer.encode, engine.tokenizer.decode
    texts = [*_TEXTS, engine.tokenizer.render("What is 2 + 2?", "Be brief."), *map(decode, _said(engine))]
    for text in texts:
        once = decode(encode(text))  # what a tokenizer cannot spell is lost at the first time
        again = decode(encode(once))
        if again != once or bool(once) != bool(text):
            raise Broken(f"{text!r} becomes {once!r}, and that becomes {again!r}")
    for end in sorted(engine.tokenizer.end_ids):
        if encode(decode([end])) != (end,):
            raise Broken(
                f"the end of turn {end} is written {decode([end])!r}, which is read as {encode(decode([end]))}"
            )


def unicode(engine: Engine) -> None:
    """A character that is split between tokens is read as exactly these tokens."""
    needs(engine, "token-ids")
    needs_continuing(engine)
    encode, decode = engine.tokenizer.encode, engine.tokenizer.decode
    whole = encode(_EMOJI)
    if len(whole) < 2 or decode(whole) != _EMOJI or decode(whole[:1]) == _EMOJI:
        raise NotApplicable("its tokenizer has no character that takes several tokens")
    half = whole[:-1]
    found = trials(engine)
    halved = ask(engine, [_behind(trial, half) for trial in found])
    if not all(each.tokens for each in halved):
        raise Broken(f"after {len(half)} of the {len(whole)} tokens of a character it generates nothing")
    mended = ask(engine, [_behind(trial, encode(decode(half))) for trial in found])
    if all(one.tokens == other.tokens for one, other in zip(halved, mended, strict=True)):
        raise Broken("half a character is re-encoded from its text: pass ids on unchanged")


def context_full(engine: Engine) -> None:
    """A full context window ends a generation, with exactly the tokens that fit and the finish "context"."""
    room, prompt = engine.info.context, requests(engine, 1)[0].prompt
    tokens = prompt * (room // len(prompt) + 1)
    full = Request(tokens, (), 10, "full", FREE)
    if "token-ids" in engine.info.capabilities:
        full = replace(full, prompt=tokens[:room])
    [made] = ask(engine, [full])
    if made != Generation((), "context"):
        raise Broken(f"a prompt of all {room} tokens of context yields {len(made.tokens)} tokens, {made.finish}")
    if room > _FILLED or "token-ids" not in engine.info.capabilities:
        return
    left = 3
    [made] = ask(engine, [replace(full, prompt=tokens[: room - left])])
    if len(made.tokens) > left or (made.finish != "stop" and (len(made.tokens), made.finish) != (left, "context")):
        raise Broken(f"with room for {left} tokens it generates {len(made.tokens)}, {made.finish}")


def cancellation(engine: Engine) -> None:
    """A cancelled call ends and does no more work, and later calls are not affected."""
    found = trials(engine)
    given_up = [patiently(partial(_give_up, engine, wait), "cancelling a call") for wait in (0.0, 0.05)]
    again = ask(engine, [trial.request for trial in found])
    if "seeds" in engine.info.capabilities:
        pairs = zip(found, again, strict=True)
        judge(engine, [other(engine, made.tokens, trial.tokens, "after cancelled calls") for trial, made in pairs])
    if not any(given_up):
        raise NotApplicable("its calls end before they can be cancelled")


async def _give_up(engine: Engine, wait: float) -> bool:
    """Cancel a call; returns whether it was still running."""
    asked = requests(engine, _CALLS, FREE)
    room = engine.info.context - max(len(request.prompt) for request in asked) - 1
    work = asyncio.ensure_future(
        engine.generate([replace(request, max_tokens=max(1, min(_LONG, room))) for request in asked])
    )
    await asyncio.sleep(wait)
    if work.done():
        return False
    work.cancel()
    done, _ = await asyncio.wait([work], timeout=_GRACE)
    if not done:
        raise Broken(f"a call that is cancelled does not end within {_GRACE:g} s: let asyncio.CancelledError pass")
    if not work.cancelled():
        raise Broken(f"a call that is cancelled ends with {work.exception() or 'its generations'}")
    for _ in range(int(_GRACE / _REST)):
        before = engine.busy_seconds
        await asyncio.sleep(_REST)
        if engine.busy_seconds == before:
            return True
    raise Broken(f"{_GRACE:g} s after its only call was cancelled it still works: release what the call held")


def _thought(trial: Trial) -> tuple[int, ...]:
    return trial.tokens[: len(trial.tokens) // 2]


def _behind(trial: Trial, prefix: tuple[int, ...]) -> Request:
    return replace(trial.request, prefix=prefix, max_tokens=_SHORT)


def _said(engine: Engine) -> list[tuple[int, ...]]:
    """What the trials say, whole characters only."""
    return [trial.tokens for trial in trials(engine) if "\ufffd" not in engine.tokenizer.decode(trial.tokens)]


def _row(engine: Engine, row: tuple[float, ...]) -> LearnedToken:
    return LearnedToken("<|trial|>", row, engine.info.fingerprint, sha256(repr(row).encode()).hexdigest())


def _taken(engine: Engine, token: LearnedToken) -> bool:
    try:
        engine.learn(token)
    except UserError:
        return False
    except Exception as error:
        raise Broken(f"learn() raises {type(error).__name__}: {error}; refuse a token with a UserError") from error
    return True


def _width(engine: Engine) -> int:
    """How many numbers a row has: the first length that is taken, since no engine need say it."""
    width = next((each for each in _WIDTHS if _taken(engine, _row(engine, (0.02,) * each))), None)
    if width is not None:
        return width
    raise Broken(f"it declares learned-tokens but accepts no row of 2 to {_WIDTHS[-1]} numbers")


def _tells_apart(engine: Engine, found: list[Trial], one: tuple[int, ...], two: tuple[int, ...]) -> bool:
    """Whether two prefixes give different text behind some prompt."""
    left, right = (ask(engine, [_behind(trial, prefix) for trial in found]) for prefix in (one, two))
    return any(a.tokens != b.tokens for a, b in zip(left, right, strict=True))
