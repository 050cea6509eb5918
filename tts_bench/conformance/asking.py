"""How engines are tested: with any model, so every expectation is derived from earlier output."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from tts_bench import loops
from tts_bench.api import Turn
from tts_bench.conformance.kit import Broken, NotApplicable
from tts_bench.engine import Capability, Engine, Generation, Request, Sampling

T = TypeVar("T")
PATIENCE = 600.0  # seconds for one call: large models on processors are slow
LENGTH = 24  # tokens of a trial
COUNT = 6  # trials
CUE = "Wait"
GREEDY, FREE = Sampling(temperature=0), Sampling(temperature=1)


@dataclass(frozen=True)
class Trial:
    """A request without stops, and what came of it."""

    request: Request
    whole: Generation

    @property
    def tokens(self) -> tuple[int, ...]:
        return self.whole.tokens


def needs(engine: Engine, capability: Capability) -> None:
    """
    Raises:
        NotApplicable: the engine does not declare it.
    """
    if capability not in engine.info.capabilities:
        raise NotApplicable(f"the engine does not declare {capability}")


def needs_continuing(engine: Engine) -> None:
    """
    Raises:
        NotApplicable: the engine takes whole messages.
    """
    if not engine.info.continues:
        raise NotApplicable("the engine takes whole messages and cannot continue from inside one")


def usual(engine: Engine) -> Sampling:
    """How trials are sampled: freely, for text that varies, where the engine can repeat it."""
    return FREE if "seeds" in engine.info.capabilities else GREEDY


def requests(engine: Engine, count: int = COUNT, sampling: Sampling | None = None) -> list[Request]:
    """Requests for the thoughts about `count` problems, each with a stream of its own and no stops."""
    tokenizer, sampling = engine.tokenizer, sampling or usual(engine)
    texts = [f"Trial {n}: how many are {n + 7} and {5 * n}?" for n in range(count)]
    return [
        Request(
            tokenizer.encode(tokenizer.render(text)), (), LENGTH, f"trial {n}", sampling, turns=(Turn("user", text),)
        )
        for n, text in enumerate(texts)
    ]


def trials(engine: Engine, sampling: Sampling | None = None, *, least: int = 1) -> list[Trial]:
    """Trials with at least `least` tokens.

    Raises:
        NotApplicable: none has as many.
    """
    asked = requests(engine, sampling=sampling)
    made = [Trial(*pair) for pair in zip(asked, ask(engine, asked), strict=True)]
    found = [trial for trial in made if len(trial.tokens) >= least]
    if not found:
        raise NotApplicable(f"the model generates fewer than {least} tokens for every trial problem")
    return found


def ask(engine: Engine, asked: Sequence[Request]) -> list[Generation]:
    """What comes of the requests: in one call, or one after the other where neighbours may change a text."""
    if engine.info.exact:
        return ask_at_once(engine, asked)

    async def in_turn() -> list[Generation]:
        return [made for request in asked for made in await _called(engine, [request])]

    return patiently(in_turn, f"generating for {len(asked)} requests in turn")


def ask_at_once(engine: Engine, asked: Sequence[Request]) -> list[Generation]:
    """What comes of one call.

    Raises:
        Broken: it raises, does not end, or gives another number of generations.
    """
    return patiently(lambda: _called(engine, asked), f"generating for {len(asked)} requests")


async def _called(engine: Engine, asked: Sequence[Request]) -> list[Generation]:
    made = await engine.generate(asked)
    if len(made) != len(asked):
        raise Broken(f"{len(asked)} requests in one call return {len(made)} generations; each needs its own")
    return list(made)


def patiently(work: Callable[[], Coroutine[Any, Any, T]], what: str) -> T:
    """What `work` gives, in an event loop of its own.

    Raises:
        Broken: it raises, or does not end.
    """

    async def waiting() -> T:
        return await asyncio.wait_for(work(), PATIENCE)

    try:
        return loops.run(waiting())
    except (Broken, NotApplicable):
        raise
    except TimeoutError as error:
        raise Broken(f"{what} does not end within {PATIENCE:g} s") from error
    except Exception as error:
        raise Broken(f"{what} raises {type(error).__name__}: {error}") from error


def same(engine: Engine, one: Sequence[int], other: Sequence[int]) -> bool:
    """Whether two pieces are alike: in their ids where the engine tells them, or else in their text."""
    if "token-ids" in engine.info.capabilities:
        return tuple(one) == tuple(other)
    return engine.tokenizer.decode(one) == engine.tokenizer.decode(other)


def other(engine: Engine, made: Sequence[int], due: Sequence[int], how: str) -> str:
    """For `judge`: what is said instead of `due`, and `how` it was asked for; empty where they are alike."""
    return "" if same(engine, made, due) else f"{how} it gives {shown(engine, made)}, instead of {shown(engine, due)}"


def begins(engine: Engine, short: Sequence[int], long: Sequence[int]) -> bool:
    """Whether `long` begins with `short`, as `same` compares."""
    if "token-ids" in engine.info.capabilities:
        return tuple(short) == tuple(long[: len(short)])
    return engine.tokenizer.decode(long).startswith(engine.tokenizer.decode(short).rstrip("\ufffd"))


def judge(engine: Engine, wrong: Sequence[str]) -> None:
    """`wrong` has for each trial what was seen and should not have been, or an empty text.

    Of an engine that is not exact half of the trials have to be as expected: sums in another order can tip a near tie.

    Raises:
        Broken: too many are wrong; with the first that is.
        NotApplicable: nothing could be tried.
    """
    if not wrong:
        raise NotApplicable("no trial generation is suited to test it")
    seen = [text for text in wrong if text]
    if len(seen) > (0 if engine.info.exact else len(wrong) // 2):
        raise Broken(seen[0])


def shown(engine: Engine, tokens: Sequence[int]) -> str:
    """Tokens as a message shows them."""
    return f"{engine.tokenizer.decode(tokens)!r} ({len(tokens)} tokens)"


def cut(trial: Trial, at: int) -> Request:
    """The request for the rest of a trial that its limit cut after `at` tokens."""
    request = trial.request
    return replace(request, prefix=trial.tokens[:at], sampled=at, max_tokens=request.max_tokens - at)
