"""What an answer costs: the sum over the unique segments it depends on."""

from __future__ import annotations

from collections.abc import Iterable

from tts_bench.api import Cost, Segment
from tts_bench.engines.base import EngineInfo


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


def total(segments: Iterable[Segment], info: EngineInfo, sequential: int) -> Cost:
    """The cost of segments that are already unique.

    Floating point operations are 2 for each token and parameter that multiplies (all but the input embedding), and 4 x
    layers x width for each pair of a token and one it attends to: query by key, and weight by value (Kaplan et al.,
    arXiv 2001.08361, table 1).
    """
    per_token, per_pair = 2.0 * info.parameters, 4.0 * info.layers * info.width
    spent = {"prompt": 0, "thinking": 0, "cue": 0, "closing": 0, "answer": 0}
    operations = 0.0
    for segment in segments:
        tokens = segment.spent
        spent[segment.kind] += tokens
        operations += per_token * tokens + per_pair * (tokens * segment.start + tokens * (tokens + 1) / 2)
    return Cost(
        prompt=spent["prompt"],
        thinking=spent["thinking"],
        forced=spent["cue"] + spent["closing"],
        answer=spent["answer"],
        sequential=sequential,
        flops=operations,
    )
