"""Segments of one problem: sampled by the engine through the scheduler, or put in."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Literal, NamedTuple

from tts_bench.api import Sampling, Segment, Turn
from tts_bench.core import stops
from tts_bench.core.ledger import Ledger
from tts_bench.core.opening import Opening
from tts_bench.core.scheduler import Scheduler
from tts_bench.engine import Generation, Request

PIECE = 256  # tokens between two looks at what is sampled; results do not depend on it

Sampled = Literal["thinking", "answer", "probe"]


class Stretch(NamedTuple):
    """What was sampled, and how it came to its end: by itself, at a stop text, or else at its limit."""

    segment: Segment
    ended: bool
    stopped: str


@dataclass(frozen=True)
class Wish:
    """What is to be sampled after some segments, but for its length."""

    kind: Sampled
    stood: tuple[Segment, ...]  # what stands before it; in the first places what its opening holds
    stream: str
    sampling: Sampling
    stop_ids: frozenset[int]
    stop_texts: tuple[str, ...]
    effort: str = ""
    until: tuple[str, ...] = field(default=())  # texts that stop it where it can be gone on from
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
        request = Request(
            opening.tokens, prefix, limit, wish.stream, wish.sampling, wish.stop_ids, wish.stop_texts,
            effort=wish.effort, turns=wish.turns if prefix else opening.turns, columns=self._columns,
        )  # fmt: skip
        if not wish.until:
            made = await self.generate(request)
            return self._whole(opening, wish, prefix, made)
        length = wish.since
        while True:
            length = min(limit, length + self._piece)
            made = await self.generate(replace(request, max_tokens=length))
            content = made.tokens[: len(made.tokens) - made.stop]
            if hit := stops.first(content, wish.since, wish.until, self.tokenizer):
                segment = self._segment(opening, wish, prefix, made, hit.end, hit.end - hit.begin)
                return Stretch(segment, False, hit.text)
            if length == limit or made.finish != "length":
                return self._whole(opening, wish, prefix, made)

    async def generate(self, request: Request) -> Generation:
        self._ledger.check_thread()
        if self._ledger.closed:
            await asyncio.Event().wait()  # for ever: a strategy that swallows its cancellation would only come again
        return await self._scheduler.generate(request)

    def origin(self, opening: Opening, wish: Wish) -> str:
        """What the segment will be known by that `wish` describes."""
        return opening.digest(after(opening, wish.stood), wish.kind, wish.stream)

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

    def _whole(self, opening: Opening, wish: Wish, prefix: tuple[int, ...], made: Generation) -> Stretch:
        segment = self._segment(opening, wish, prefix, made, len(made.tokens), made.stop)
        return Stretch(segment, made.finish == "stop", "")

    def _segment(
        self, opening: Opening, wish: Wish, prefix: tuple[int, ...], made: Generation, count: int, end: int
    ) -> Segment:
        """The first `count` tokens that were `made`, the last `end` of them as its end."""
        content, origin = made.tokens[: count - end], opening.digest(prefix, wish.kind, wish.stream)
        self._ledger.note(origin, made.columns.cut(count))
        text, start = self.tokenizer.decode(content), len(opening.tokens) + len(prefix)
        return Segment(wish.kind, content, text, origin, start, wish.stream, made.tokens[count - end : count])


def after(opening: Opening, stood: Sequence[Segment]) -> tuple[int, ...]:
    """Tokens of `stood` behind its opening."""
    return tuple(chain.from_iterable([segment.tokens for segment in stood[len(opening.segments) :]]))
