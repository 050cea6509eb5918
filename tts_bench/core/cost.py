"""What an answer costs: the sum over the unique segments it depends on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import chain
from math import fsum
from typing import NamedTuple, Self

from tts_bench.api import Cost, Segment, SegmentKind
from tts_bench.engine import EngineInfo
from tts_bench.scorer import Verdict

_READ: tuple[SegmentKind, ...] = ("prompt", "context")
_FORCED: tuple[SegmentKind, ...] = ("cue", "closing", "prefill")
_WRITTEN: tuple[SegmentKind, ...] = ("thinking", *_FORCED, "answer")  # what is discarded where it is not answered


def unique(segments: Iterable[Segment]) -> tuple[Segment, ...]:
    """One segment for each origin, its longest version, in the order of first sight.

    A shorter version of the same origin is a prefix of the longer one: the same compute, seen earlier.
    """
    longest: dict[str, Segment] = {}
    for segment in segments:
        seen = longest.get(segment.origin)
        if seen is None or segment.spent > seen.spent:
            longest[segment.origin] = segment
    return tuple(longest.values())


@dataclass(frozen=True, slots=True)
class Scored:
    """What a scorer said of one candidate."""

    origin: str  # digest of the scorer, the problem and the texts: the same origin is the same compute
    by: str  # the scorer's name in the run
    of: tuple[str, int]  # origin and cost of the last segment of what was scored
    verdict: Verdict
    flops: float


class Lineage(NamedTuple):
    """All that something depends on: `kept` ended in an answer or was probed, `dropped` was only seen.

    In `kept` an origin stands once. `clock`: tokens on the critical path to the last of it. `scored`: what scorers said
    that was looked at.
    """

    kept: tuple[Segment, ...] = ()
    dropped: tuple[Segment, ...] = ()
    clock: int = 0
    scored: tuple[Scored, ...] = ()

    def __or__(self, other: Lineage) -> Lineage:
        return self.joined((other,))

    def joined(self, others: Iterable[Lineage]) -> Lineage:
        """It and all of `others`, at once: one after the other, each would be gone through again for the next."""
        every = [self, *filter(None, others)]
        if len(every) == 1:
            return self
        # Each once: rounds in which all is made of several of the last would double it again and again.
        kept = unique(chain.from_iterable(each.kept for each in every))
        dropped = unique(chain.from_iterable(each.dropped for each in every))
        scored = {(one.origin, one.of): one for each in every for one in each.scored}
        return Lineage(kept, dropped, max(each.clock for each in every), tuple(scored.values()))

    def __bool__(self) -> bool:
        return bool(self.kept or self.dropped or self.clock or self.scored)

    @property
    def segments(self) -> tuple[Segment, ...]:
        """Its unique segments, the longest version of each."""
        return unique(self.kept + self.dropped) if self.dropped else self.kept


class Bill:
    """The cost of segments that are already unique, added up as they come.

    Floating point operations are 2 for each token and parameter that multiplies (all but the input embedding), and 4 x
    layers x width for each pair of a token and one it attends to: query by key, and weight by value (Kaplan et al.,
    arXiv 2001.08361, table 1).
    """

    def __init__(self, info: EngineInfo, prompt: int) -> None:
        """`prompt`: length of the task's own prompt in tokens; what is read beyond it is context."""
        self._per_token, self._per_pair = 2.0 * info.parameters, 4.0 * info.layers * info.width
        self._prompt = prompt
        self._spent: dict[SegmentKind, int] = dict.fromkeys((*_READ, *_WRITTEN, "probe"), 0)
        self._operations = 0.0

    def add(self, segments: Iterable[Segment]) -> Self:
        for segment in segments:
            tokens = segment.spent
            self._spent[segment.kind] += tokens
            pairs = tokens * segment.start + tokens * (tokens + 1) / 2
            self._operations += self._per_token * tokens + self._per_pair * pairs
        return self

    def total(self, sequential: int, kept: Bill | None = None) -> Cost:
        """What was added so far. `sequential`: tokens on the critical path.

        `kept`: the bill of those that ended in an answer; what was written beyond it was discarded.
        """
        spent = self._spent
        written = spent if kept is None else kept._spent
        read = sum(spent[kind] for kind in _READ)
        return Cost(
            prompt=min(read, self._prompt),
            thinking=written["thinking"],
            forced=sum(written[kind] for kind in _FORCED),
            answer=written["answer"],
            sequential=sequential,
            flops=self._operations,
            context=max(0, read - self._prompt),
            probe=spent["probe"],
            discarded=0 if kept is None else sum(spent[kind] - written[kind] for kind in _WRITTEN),
        )


def total(info: EngineInfo, prompt: int, lineage: Lineage) -> Cost:
    """The cost of `lineage`. `prompt`: as for `Bill`."""
    whole = Bill(info, prompt).add(lineage.segments)
    kept = Bill(info, prompt).add(lineage.kept) if lineage.dropped else None
    return scored_too(whole.total(lineage.clock, kept), lineage.scored)


def scored_too(cost: Cost, scored: Iterable[Scored]) -> Cost:
    """`cost` with what scorers read, wrote and computed, each unique score once."""
    each = {one.origin: one for one in scored}.values()
    if not each:
        return cost
    return replace(
        cost,
        verifier=cost.verifier + sum(one.verdict.read for one in each),
        judge=cost.judge + sum(one.verdict.sampled for one in each),
        flops=cost.flops + fsum(one.flops for one in each),  # rounded once: in whatever order they were looked at
    )


def operations(parameters: int, layers: int, width: int, tokens: int) -> float:
    """Floating point operations of reading or writing `tokens` from the beginning, as `Bill` counts them."""
    return 2.0 * parameters * tokens + 4.0 * layers * width * tokens * (tokens + 1) / 2
