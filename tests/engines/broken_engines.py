"""A small sound engine, and for each claim of the kit one that breaks it.

Its tokens are bytes, some pieces of words and three named ones; the next one is a function of all that stands before,
and of the stream's number where it is sampled.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence
from dataclasses import replace
from hashlib import blake2b

from tts_bench.api import LearnedToken, Turn
from tts_bench.columns import ENTROPY, LOGPROB, Columns, top_of
from tts_bench.engine import EngineInfo, Finish, Generation, Request, Tokenizer, learned_id
from tts_bench.errors import UserError
from tts_bench.streams import uniform

_PIECES = [bytes([number]) for number in range(256)] + [b"the", b"ing", b" and", b"so ", b"Wait"]
_NAMED = [b"<think>", b"</think>", b"<|end|>"]
_VOCABULARY = _PIECES + _NAMED
END, WIDTH = len(_VOCABULARY) - 1, 4
_LONGEST = sorted(range(len(_VOCABULARY)), key=lambda token: -len(_VOCABULARY[token]))
# What is sampled: letters and pieces, and an end now and then.
_SAMPLED = [*range(97, 123), *range(256, 261), *range(97, 123), END]


class Bytes:
    """Implements `tts_bench.engine.Tokenizer`."""

    end_ids = frozenset({END})
    chat_template: str | None = "{{ messages[-1].content }}\n<think>"

    def encode(self, text: str) -> tuple[int, ...]:
        rest, ids = text.encode(), []
        while rest:
            ids.append(next(token for token in _LONGEST if rest.startswith(_VOCABULARY[token])))
            rest = rest[len(_VOCABULARY[ids[-1]]) :]
        return tuple(ids)

    def decode(self, tokens: Sequence[int]) -> str:
        known = (_VOCABULARY[token] if token < len(_VOCABULARY) else b"?" for token in tokens)
        return b"".join(known).decode(errors="replace")

    def render(self, prompt: str | Sequence[Turn], system: str | None = None) -> str:
        return f"{system}\n{prompt}\n<think>" if system else f"{prompt}\n<think>"


class Sound:
    """Keeps every claim."""

    def __init__(self) -> None:
        self.tokenizer: Tokenizer = Bytes()
        self.busy_seconds = 0.0
        self.info = EngineInfo(
            name="sound",
            model="bytes",
            fingerprint="b" * 64,
            context=400,
            capabilities=frozenset({"learned-tokens", "token-ids", "seeds", "logprobs"}),
            identity={},
            settings={},
            exact=True,
            exact_note="a pure function",
        )

    def learn(self, token: LearnedToken) -> int:
        if token.model != self.info.fingerprint or len(token.row) != WIDTH:
            raise UserError("that token is for another model")
        return learned_id(token)

    async def generate(self, requests: Sequence[Request]) -> list[Generation]:
        return list(await asyncio.gather(*map(self.one, requests)))

    async def close(self) -> None:
        """Nothing is held."""

    async def one(self, request: Request) -> Generation:
        made: list[int] = []
        while (finish := self.finish(request, made)) is None:
            await self.work()
            made.append(self.draw(request, len(request.prefix) + len(made), made))
        return Generation(tuple(made), finish, self.stop(request, made), self.columns(request, made))

    def columns(self, request: Request, made: Sequence[int]) -> Columns:
        likeliest = [self.sureness(request, made[:place]) for place in range(len(made))]
        measured: dict[str, list[float]] = {}
        for name in request.columns:
            if name == ENTROPY:
                measured[name] = [1 - sure for sure in likeliest]
            else:
                measured[name] = [math.log(sure) * max(1.5 * (name == LOGPROB), top_of(name)) for sure in likeliest]
        return Columns.of(measured)

    def sureness(self, request: Request, made: Sequence[int]) -> float:
        """A probability, of the likeliest token after those that are `made`."""
        before = repr((*request.prompt, *request.prefix, *made, "sureness"))
        return 0.1 + 0.8 * uniform(before, 0)

    async def work(self) -> None:
        began = time.perf_counter()
        await asyncio.sleep(0)
        self.busy_seconds += time.perf_counter() - began

    def finish(self, request: Request, made: Sequence[int]) -> Finish | None:
        if self.stop(request, made):
            return "stop"
        if len(made) >= self.limit(request):
            return "length"
        return "context" if self.length(request) + len(made) >= self.info.context else None

    def limit(self, request: Request) -> int:
        return request.max_tokens

    def length(self, request: Request) -> int:
        return len(request.prompt) + len(request.prefix)

    def draw(self, request: Request, place: int, made: Sequence[int]) -> int:
        before = repr((*request.prompt, *request.prefix, *made)).encode()
        number = int.from_bytes(blake2b(before, digest_size=4).digest(), "big")
        if request.sampling.temperature:
            number += int(uniform(self.stream(request), place) * len(_SAMPLED))
        return int(_SAMPLED[number % len(_SAMPLED)])

    def stream(self, request: Request) -> str:
        return request.stream

    def own(self, request: Request, made: Sequence[int]) -> list[int]:
        """The generation so far, with what was sampled of it before."""
        return [*request.prefix[len(request.prefix) - request.sampled :], *made]

    def stop(self, request: Request, made: Sequence[int]) -> int:
        """How many of the last tokens are a stop."""
        if made and made[-1] in self.ids(request):
            return 1
        return self.text_stop(request, self.own(request, made)) if made else 0

    def ids(self, request: Request) -> frozenset[int]:
        return request.stop_ids

    def text_stop(self, request: Request, own: Sequence[int]) -> int:
        tail = own[-16:]
        for count in range(1, len(tail) + 1):
            if any(text in self.tokenizer.decode(tail[-count:]) for text in request.stop_texts):
                return count
        return 0


class Unended(Sound):
    async def one(self, request: Request) -> Generation:
        return replace(await super().one(request), finish="done")  # type: ignore[arg-type]


class FirstDone(Sound):
    async def generate(self, requests: Sequence[Request]) -> list[Generation]:
        made = await super().generate(requests)
        shares_stream = len({request.stream for request in requests}) < len(requests)
        return sorted(made, key=lambda each: len(each.tokens)) if shares_stream else made


class Blocks(Sound):
    def limit(self, request: Request) -> int:
        return request.max_tokens if request.sampled else -(-request.max_tokens // 4) * 4


class Planned(Sound):
    def stream(self, request: Request) -> str:
        return f"{request.stream}{request.max_tokens + request.sampled > 12}"


class Anew(Sound):
    def draw(self, request: Request, place: int, made: Sequence[int]) -> int:
        return super().draw(request, place - request.sampled, made)


class FirstLetter(Sound):
    def stream(self, request: Request) -> str:
        return request.stream[0]


class OnePrompt(Sound):
    async def generate(self, requests: Sequence[Request]) -> list[Generation]:
        first = {request.prompt: request.stream for request in reversed(requests)}
        return await super().generate([replace(request, stream=first[request.prompt]) for request in requests])


class Neighbours(Sound):
    async def generate(self, requests: Sequence[Request]) -> list[Generation]:
        next_ones = [*(request.stream for request in requests[1:]), "~"]
        streams = [r.stream + "!" * (r.stream > after) for r, after in zip(requests, next_ones, strict=True)]
        return await super().generate([replace(r, stream=s) for r, s in zip(requests, streams, strict=True)])


class OneStopId(Sound):
    def ids(self, request: Request) -> frozenset[int]:
        return frozenset(sorted(request.stop_ids)[:1])


class WholeTokens(Sound):
    def text_stop(self, request: Request, own: Sequence[int]) -> int:
        count = super().text_stop(request, own)
        return count if count and self.tokenizer.decode(own[-count:]) in request.stop_texts else 0


class OneTokenStops(Sound):
    async def one(self, request: Request) -> Generation:
        made = await super().one(request)
        return replace(made, stop=min(made.stop, 1)) if not request.sampled else made


class Forgetful(Sound):
    def own(self, request: Request, made: Sequence[int]) -> list[int]:
        return list(made)


class NeverEmpty(Sound):
    def stop(self, request: Request, made: Sequence[int]) -> int:
        return super().stop(request, made) if len(made) + request.sampled > 1 else 0


class EndsInPrefix(Sound):
    async def one(self, request: Request) -> Generation:
        if request.stop_ids & set(request.prefix):
            return Generation((), "stop", 1)
        return await super().one(request)


class GoesOn(Sound):
    def ids(self, request: Request) -> frozenset[int]:
        return request.stop_ids - {END}


class Echo(Sound):
    async def one(self, request: Request) -> Generation:
        made = await super().one(request)
        return made if request.sampled else replace(made, tokens=request.prefix + made.tokens)


class Deaf(Sound):
    async def one(self, request: Request) -> Generation:
        return await super().one(request if request.sampled else replace(request, prefix=()))


class AnyRow(Sound):
    def learn(self, token: LearnedToken) -> int:
        return learned_id(token)


class OneRow(Sound):
    async def one(self, request: Request) -> Generation:
        prefix = tuple(token if token < 1 << 48 else 1 << 48 for token in request.prefix)
        return await super().one(replace(request, prefix=prefix))


class Begins(Sound):
    def __init__(self) -> None:
        super().__init__()

        class Beginning(Bytes):
            def encode(self, text: str) -> tuple[int, ...]:
                return (END, *super().encode(text))

        self.tokenizer = Beginning()


class ByText(Sound):
    async def one(self, request: Request) -> Generation:
        text = self.tokenizer.decode(request.prefix)
        return await super().one(replace(request, prefix=self.tokenizer.encode(text)) if "\ufffd" in text else request)


class Boundless(Sound):
    def length(self, request: Request) -> int:
        return 0


class Stubborn(Sound):
    async def generate(self, requests: Sequence[Request]) -> list[Generation]:
        try:
            return await super().generate(requests)
        except asyncio.CancelledError:
            return []


class Restless(Sound):
    async def work(self) -> None:
        began = time.perf_counter()
        await asyncio.sleep(0.002)
        self.busy_seconds += time.perf_counter() - began

    async def generate(self, requests: Sequence[Request]) -> list[Generation]:
        return await asyncio.shield(super().generate(requests))


class Unmeasured(Sound):
    def columns(self, request: Request, made: Sequence[int]) -> Columns:
        return super().columns(request, made[1:])


class Positive(Sound):
    """Tells how surprising a token was, and not its log-probability."""

    def columns(self, request: Request, made: Sequence[int]) -> Columns:
        found = super().columns(request, made)
        return Columns.of({name: [-number for number in numbers] for name, numbers in found.items()})


class Tempered(Sound):
    """Tells of a distribution that was made sharper than that of the largest."""

    def columns(self, request: Request, made: Sequence[int]) -> Columns:
        found = super().columns(request, made)
        return Columns.of({name: [n / 2 if name == LOGPROB else n for n in found[name]] for name in found})


class Watched(Sound):
    def stream(self, request: Request) -> str:
        return request.stream + "!" * bool(request.columns)


class MeasuredAnew(Sound):
    def sureness(self, request: Request, made: Sequence[int]) -> float:
        return super().sureness(replace(request, prefix=request.prefix[: -request.sampled or None]), made)


class MeasuredTogether(Sound):
    def __init__(self) -> None:
        super().__init__()
        self._company = 0

    async def generate(self, requests: Sequence[Request]) -> list[Generation]:
        self._company = len(requests)
        return await super().generate(requests)

    def sureness(self, request: Request, made: Sequence[int]) -> float:
        return super().sureness(request, made) + 1e-3 * self._company


# claim -> engines that break it, each with the other claims that cannot but find it out too
BROKEN: dict[str, dict[type[Sound], set[str]]] = {
    "generates": {Unended: set()},
    "order": {FirstDone: {"continuation"}},
    "budget": {Blocks: set()},
    "prefixes": {Planned: {"empty-generation"}},
    "continuation": {Anew: {"stop-after-a-cut"}},
    "seeds": {FirstLetter: {"samples"}},
    "samples": {OnePrompt: {"seeds"}},
    "concurrency": {Neighbours: set()},
    "stop-ids": {OneStopId: set()},
    "stop-texts": {WholeTokens: set()},
    "delimiters": {OneTokenStops: set()},
    "stop-after-a-cut": {Forgetful: set()},
    "empty-generation": {NeverEmpty: set()},
    "end-inside-thinking": {EndsInPrefix: set(), GoesOn: set()},
    "cue": {Echo: set(), Deaf: {"unicode"}},
    "learned-rows": {AnyRow: set(), OneRow: set()},
    "token-ids": {Begins: set()},
    "unicode": {ByText: set()},
    "context-full": {Boundless: set()},
    "cancellation": {Stubborn: set(), Restless: set()},
    "columns": {Unmeasured: {"columns-after-a-cut"}, Positive: set(), Tempered: set()},
    "columns-beside-tokens": {Watched: set()},
    "columns-after-a-cut": {MeasuredAnew: set()},
    "columns-in-company": {MeasuredTogether: set()},
}
