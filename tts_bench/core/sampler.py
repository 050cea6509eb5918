"""Segments of one problem: sampled by the engine through the scheduler, or put in."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from typing import Literal, NamedTuple

from tts_bench.api import Sampling, Segment, Turn
from tts_bench.core import check, stops
from tts_bench.core.ledger import Ledger
from tts_bench.core.opening import Opening
from tts_bench.core.scheduler import Scheduler
from tts_bench.engine import Generation, Request
from tts_bench.errors import Misuse

PIECE = 256  # tokens between two looks at what is sampled; results do not depend on it

Sampled = Literal["thinking", "answer", "probe"]


class Stretch(NamedTuple):
    """What was sampled, and how it came to its end: by itself, at a stop text, or else at its limit."""

    segment: Segment
    ended: bool
    stopped: str
    known: Segment | None  # the longest version that the strategy had been shown when it was asked for


class Wish(NamedTuple):
    """What is to be sampled after some segments, but for its length."""

    kind: Sampled
    stood: tuple[Segment, ...]  # what stands before it; in the first places what its opening holds
    stream: str
    sampling: Sampling
    stop_ids: frozenset[int]
    stop_texts: tuple[str, ...]
    effort: str = ""
    until: tuple[str, ...] = ()  # texts that stop it where it can be gone on from
    turns: tuple[Turn, ...] = ()  # the conversation that it all stands for, if it is one
    since: int = 0  # its first tokens that have been looked at for them


class Sampler:
    """Makes the segments of one problem, for one strategy."""

    def __init__(self, scheduler: Scheduler, ledger: Ledger, piece: int, columns: tuple[str, ...]) -> None:
        self.tokenizer = scheduler.engine.tokenizer
        self._scheduler = scheduler
        self._ledger = ledger
        self._piece = piece
        self._columns = columns

    async def sample(self, opening: Opening, wish: Wish, limit: int) -> Stretch:
        """At most `limit` tokens from the beginning of what `wish` describes. The ledger does not have them yet."""
        prefix = after(opening, wish.stood)
        start, origin = len(opening.tokens) + len(prefix), opening.digest(prefix, wish.kind, wish.stream)
        known = self._ledger.longest(origin)  # before others in flight are shown
        request = Request(
            opening.tokens, prefix, limit, wish.stream, wish.sampling, wish.stop_ids, wish.stop_texts,
            effort=wish.effort, turns=wish.turns if prefix else opening.turns, columns=self._columns,
        )  # fmt: skip
        if not wish.until:
            made = await self.generate(request)
            return Stretch(self._segment(wish, start, origin, made), made.finish == "stop", "", known)
        length = wish.since
        while True:
            length = min(limit, length + self._piece)
            made = await self.generate(replace(request, max_tokens=length))
            content = made.tokens[: len(made.tokens) - made.stop]
            if hit := stops.first(content, wish.since, wish.until, self.tokenizer):
                stopped = Generation(made.tokens[: hit.end], "length", hit.end - hit.begin, made.columns.cut(hit.end))
                return Stretch(self._segment(wish, start, origin, stopped), False, hit.text, known)
            if length == limit or made.finish != "length":
                return Stretch(self._segment(wish, start, origin, made), made.finish == "stop", "", known)

    async def generate(self, request: Request) -> Generation:
        self._ledger.check_caller()
        check.stack()
        if self._ledger.closed:
            await asyncio.Event().wait()  # for ever: a strategy that swallows its cancellation would only come again
        self._ledger.waiting += 1
        try:
            return await self._scheduler.generate(request)
        except ValueError as error:
            if not request.sampling.bias:
                raise
            raise Misuse(f"sampling= cannot be used: {error}") from error
        finally:
            self._ledger.waiting -= 1

    def put_in(
        self,
        opening: Opening,
        kind: Literal["cue", "closing", "prefill", "probe"],
        stood: Sequence[Segment],
        tokens: tuple[int, ...],
        text: str,
        paid: int = 0,
    ) -> Segment:
        """A segment of `tokens` after `stood`, entered into the ledger."""
        prefix = after(opening, stood)
        start = len(opening.tokens) + len(prefix)
        return self._ledger.keep(Segment(kind, tokens, text, opening.digest(prefix + tokens, kind), start, paid=paid))

    def first(self, segment: Segment, tokens: int) -> Segment:
        """The first `tokens` of what was sampled for `segment`, its end among them, as tokens without an end."""
        content = (segment.tokens + segment.end)[:tokens]
        return replace(segment, tokens=content, end=(), text=self.tokenizer.decode(content))

    def _segment(self, wish: Wish, start: int, origin: str, made: Generation) -> Segment:
        """What was `made` from its beginning; the last `made.stop` of its tokens are its end."""
        place = len(made.tokens) - made.stop
        content, end = made.tokens[:place], made.tokens[place:]
        self._ledger.note(origin, made.columns)
        return Segment(wish.kind, content, self.tokenizer.decode(content), origin, start, wish.stream, end)


def after(opening: Opening, stood: Sequence[Segment]) -> tuple[int, ...]:
    """Tokens of `stood` behind its opening."""
    return tuple(chain.from_iterable([segment.tokens for segment in stood[len(opening.segments) :]]))
