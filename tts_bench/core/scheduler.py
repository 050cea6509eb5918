"""Generations for everything in flight: each is made once, stored when finished, and never made again."""

from __future__ import annotations

import asyncio
import json
import time
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from hashlib import blake2b

from tts_bench.columns import named
from tts_bench.core.generations import continued, cut
from tts_bench.core.store import Store
from tts_bench.engine import Engine, Generation, Request, Sampling, check_columns

_NOTHING = Generation((), "length")  # what is known of a generation that nobody has asked for


@dataclass
class Counts:
    """Tokens sampled since the start: `asked` by strategies, `made` by the engine, `found` in the store."""

    asked: int = 0
    made: int = 0
    found: int = 0
    engine_calls: int = 0


@dataclass
class _Flight:
    """One key's generation while it is looked up or made."""

    landed: asyncio.Event = field(default_factory=asyncio.Event)
    known: Generation | None = None  # what is stored now, for those who wait: nobody reads it again; None: it failed


@dataclass
class _Batch:
    """Generations that are stored together, once a turn of the event loop."""

    finished: list[tuple[bytes, Generation]] = field(default_factory=list)
    error: Exception | None = None


class Scheduler:
    """Stands between reasoners and the engine. Requests with one key wait for each other; the rest run together."""

    def __init__(self, engine: Engine, store: Store) -> None:
        self.engine = engine
        self.store = store
        self.counts = Counts()
        identity = json.dumps([engine.info.fingerprint, engine.info.identity], sort_keys=True)
        self._identity = blake2b(identity.encode(), digest_size=16)
        self._in_flight: dict[bytes, _Flight] = {}
        self.with_engine = 0  # requests that it decodes or that wait for it
        self._heard = time.monotonic()  # when it last answered, or was first asked while it had nothing to do
        self._ended = asyncio.Event()
        self._batch = _Batch()

    async def generate(self, request: Request) -> Generation:
        """The generation that `request` describes, from its beginning (`request.sampled` is 0).

        What is stored answers as far as it has all the columns that are asked for; from there on it is made.

        Raises:
            UserError: columns that the engine does not give.
        """
        check_columns(self.engine.info, request.columns)
        if self.engine.info.recorded:  # it is a store itself
            [recorded] = await self.engine.generate([request])
            self.counts.asked += len(recorded.tokens)
            self.counts.found += len(recorded.tokens)
            return recorded
        key = self.key(request)
        known: Generation | None = None
        while (flight := self._in_flight.get(key)) is not None and not (known and _answers(known, request)):
            await flight.landed.wait()
            known = flight.known
        if known is not None and _answers(known, request):  # all who waited for it come here at once
            generation = self._found(known, request)
        else:
            generation = await self._fly(key, request, known)
        self.counts.asked += len(generation.tokens)
        return generation

    async def _fly(self, key: bytes, request: Request, known: Generation | None) -> Generation:
        """Find the generation or make it, while others that want it wait. `known`: what they left of it, if any did."""
        flight = self._in_flight[key] = _Flight()
        try:
            known = known or self.store.get(key) or _NOTHING
            if _answers(known, request):
                flight.known = known
                return self._found(known, request)
            flight.known = whole = await self._make(key, request, known)
            return _with(whole, request.columns)
        finally:
            self._in_flight.pop(key).landed.set()

    def _found(self, known: Generation, request: Request) -> Generation:
        shorter = cut(known, request.max_tokens)
        self.counts.found += len(shorter.tokens)
        return _with(shorter, request.columns)

    async def _make(self, key: bytes, request: Request, known: Generation) -> Generation:
        """The whole of it, made from where `known` ends or lacks a column, and stored."""
        wanted = request.columns
        held = known.columns.covered(wanted, len(known.tokens))
        if held < len(known.tokens):
            held = held if self.engine.info.continues else 0
            wanted = named(frozenset((*wanted, *known.columns)))  # an engine may now give other tokens: lose nothing
        if held or wanted != request.columns:
            self.counts.found += held
            left, prefix = request.max_tokens - held, request.prefix + known.tokens[:held]
            request = replace(request, prefix=prefix, sampled=held, max_tokens=left, columns=wanted)
        made = await self._ask(request)
        self.counts.made += len(made.tokens)
        whole = continued(known, held, made)
        await self._keep(key, whole)
        return whole

    async def _ask(self, request: Request) -> Generation:
        self.counts.engine_calls += 1
        if not self.with_engine:
            self._heard = time.monotonic()
        self.with_engine += 1
        try:
            [made] = await self.engine.generate([request])
            self._heard = time.monotonic()
            return made
        finally:
            self.with_engine -= 1
            self._ended.set()

    @property
    def silent(self) -> float:
        """Seconds since the engine answered anything that it was asked for."""
        return time.monotonic() - self._heard if self.with_engine else 0.0

    async def ended(self) -> None:
        """Wait until the engine has one request less."""
        self._ended.clear()
        await self._ended.wait()

    async def _keep(self, key: bytes, generation: Generation) -> None:
        """Store `generation`: it is on disk when this returns, also where the one who asked has given up meanwhile."""
        batch = self._batch
        if not batch.finished:
            asyncio.get_running_loop().call_soon(self._write)
        batch.finished.append((key, generation))
        await asyncio.sleep(0)  # the loop keeps its order: what was called for before goes first
        if batch.error:
            raise batch.error

    def _write(self) -> None:
        batch, self._batch = self._batch, _Batch()
        try:
            self.store.put(batch.finished)
        except Exception as error:
            batch.error = error  # for all who wait

    def key(self, request: Request) -> bytes:
        """Digest of all that determines the text, and of nothing that only cuts it short."""
        how = _how(request.sampling, request.stop_ids, request.stop_texts)
        how += f", {request.effort!r}" if request.effort else ""
        digest = self._identity.copy()
        digest.update(f"({len(request.prompt)}, {how}, {request.stream!r})".encode())
        digest.update(array("q", request.prompt + request.prefix).tobytes())
        return digest.digest()


@lru_cache
def _how(sampling: Sampling, stop_ids: frozenset[int], stop_texts: tuple[str, ...]) -> str:
    """The part of a key that most requests of a run share."""
    return f"{sampling.name}, {sorted(stop_ids)!r}, {stop_texts!r}"


def _answers(known: Generation, request: Request) -> bool:
    """Whether `known` has all that is asked for: as many tokens, or the end, with every column."""
    held = known.columns.covered(request.columns, len(known.tokens))
    return held >= request.max_tokens or (held == len(known.tokens) and known.finish != "length")


def _with(generation: Generation, columns: tuple[str, ...]) -> Generation:
    """`generation` with those `columns` alone."""
    if not (generation.columns or columns) or tuple(generation.columns) == columns:
        return generation
    return replace(generation, columns=generation.columns.only(columns))


class Digest:
    """Names what stands after a prompt, which is read once."""

    def __init__(self, prompt: Sequence[int]) -> None:
        self._prompt = blake2b(array("q", prompt).tobytes(), digest_size=12)

    def __call__(self, tokens: Sequence[int], *more: str) -> str:
        """Name of the prompt and `tokens`, with `more` that tells what comes after."""
        state = self._prompt.copy()
        state.update(array("q", tokens).tobytes() + "\0".join(("", *more)).encode())
        return state.hexdigest()
