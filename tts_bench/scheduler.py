"""Generations for everything in flight: each is made once, stored when finished, and never made again."""

from __future__ import annotations

import asyncio
import json
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b

from tts_bench.engines.base import Engine, Generation, Request
from tts_bench.store import Store


@dataclass
class Counts:
    """Tokens sampled since the start: `asked` by strategies, `made` by the engine, `found` in the store."""

    asked: int = 0
    made: int = 0
    found: int = 0
    engine_calls: int = 0


class Scheduler:
    """Stands between reasoners and the engine. Requests with one key wait for each other; the rest run together."""

    def __init__(self, engine: Engine, store: Store) -> None:
        self.engine = engine
        self.store = store
        self.counts = Counts()
        self._identity = json.dumps([engine.info.fingerprint, engine.info.identity], sort_keys=True).encode()
        self._in_flight: dict[bytes, asyncio.Lock] = {}
        self._waiting: dict[bytes, int] = {}

    async def generate(self, request: Request) -> Generation:
        """The generation that `request` describes, from its beginning (`request.sampled` is 0)."""
        key = self.key(request)
        lock = self._in_flight.setdefault(key, asyncio.Lock())
        self._waiting[key] = self._waiting.get(key, 0) + 1
        try:
            async with lock:
                generation = await self._find_or_make(key, request)
        finally:
            self._waiting[key] -= 1
            if not self._waiting[key]:
                del self._waiting[key], self._in_flight[key]
        self.counts.asked += len(generation.tokens)
        return generation

    async def _find_or_make(self, key: bytes, request: Request) -> Generation:
        known = self.store.get(key)
        if known is not None:
            if len(known.tokens) >= request.max_tokens or known.finish != "length":
                shorter = cut(known, request.max_tokens)
                self.counts.found += len(shorter.tokens)
                return shorter
            self.counts.found += len(known.tokens)
            request = replace(
                request,
                prefix=request.prefix + known.tokens,
                sampled=len(known.tokens),
                max_tokens=request.max_tokens - len(known.tokens),
            )
        self.counts.engine_calls += 1
        [made] = await self.engine.generate([request])
        self.counts.made += len(made.tokens)
        whole = made if known is None else replace(made, tokens=known.tokens + made.tokens)
        self.store.put(key, whole)
        return whole

    def key(self, request: Request) -> bytes:
        """Digest of all that determines the text, and of nothing that only cuts it short."""
        settings = (len(request.prompt), request.sampling, sorted(request.stop_ids), request.stop_texts, request.stream)
        digest = blake2b(self._identity, digest_size=16)
        digest.update(repr(settings).encode())
        digest.update(array("q", request.prompt + request.prefix).tobytes())
        return digest.digest()


def cut(generation: Generation, max_tokens: int) -> Generation:
    """What the same generation gives when its limit is `max_tokens`."""
    if max_tokens >= len(generation.tokens):
        return generation
    return Generation(generation.tokens[:max_tokens], "length")


def digest(tokens: Sequence[int], *more: str) -> str:
    """Name of what stands in `tokens`, with `more` that tells what comes after."""
    return blake2b(array("q", tokens).tobytes() + "\0".join(("", *more)).encode(), digest_size=12).hexdigest()
