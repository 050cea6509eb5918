"""What an answer costs: the sum over the unique segments it depends on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

from tts_bench.api import Cost, Segment
from tts_bench.engine import EngineInfo


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


class Bill:
    """The cost of segments that are already unique, added up as they come.

    Floating point operations are 2 for each token and parameter that multiplies (all but the input embedding), and 4 x
    layers x width for each pair of a token and one it attends to: query by key, and weight by value (Kaplan et al.,
    arXiv 2001.08361, table 1).
    """

    def __init__(self, info: EngineInfo) -> None:
        self._per_token, self._per_pair = 2.0 * info.parameters, 4.0 * info.layers * info.width
        self._spent = {"prompt": 0, "thinking": 0, "cue": 0, "closing": 0, "answer": 0}
        self._operations = 0.0

    def add(self, segments: Iterable[Segment]) -> Self:
        for segment in segments:
            tokens = segment.spent
            self._spent[segment.kind] += tokens
            pairs = tokens * segment.start + tokens * (tokens + 1) / 2
            self._operations += self._per_token * tokens + self._per_pair * pairs
        return self

    def total(self, sequential: int) -> Cost:
        """What was added so far. `sequential`: tokens on the critical path."""
        spent = self._spent
        return Cost(
            prompt=spent["prompt"],
            thinking=spent["thinking"],
            forced=spent["cue"] + spent["closing"],
            answer=spent["answer"],
            sequential=sequential,
            flops=self._operations,
        )
