"""A small engine that keeps every claim of the kit.

Its tokens are bytes, some pieces of words and three named ones; the next one is a function of all that stands before,
and of the stream's number where it is sampled.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence
from hashlib import blake2b

from tts_bench.api import LearnedToken, Turn
from tts_bench.columns import ENTROPY, LOGPROB, Columns, top_of
from tts_bench.engine import EngineInfo, Finish, Generation, Request, Tokenizer, learned_id
from tts_bench.errors import UserError
from tts_bench.streams import uniform

_PIECES = [bytes([number]) for number in range(256)] + [b"the", b"ing", b" and", b"so ", b"Wait"]


_NAMED = [b"<think>", b"</think>", b"<|end|>"]


_VOCABULARY = _PIECES + _NAMED


END = len(_VOCABULARY) - 1


WIDTH = 4  # of a learned row


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
