"""For each claim of the kit an engine that breaks it, and as few others as can be."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace

from tests.engines.sound_engine import END, Bytes, Sound
from tts_bench.api import LearnedToken
from tts_bench.columns import LOGPROB, Columns
from tts_bench.engine import Generation, Request, learned_id


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
