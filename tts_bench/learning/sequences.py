"""A forced trace as the loss reads it: what stands before the first cue, and what the model chose after it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

from tts_bench.api import Segment, Trace

CUE = -1  # among the inputs: the row that is trained
NOTHING = -1  # among the targets: the next token was put in, not sampled


@dataclass(frozen=True)
class Sequence:
    """The part of a trace that depends on the row, and the part before it that does not.

    `targets[i]` is the token that the model sampled after reading `inputs[i]`, or NOTHING. It need not be
    `inputs[i + 1]`: an end of thinking that was replaced is a decision of the model, though it is not read on.
    """

    prefix: tuple[int, ...]  # all before the first cue
    inputs: tuple[int, ...]  # from the first cue on, each cue as CUE
    targets: tuple[int, ...]
    advantage: float = 0.0

    @property
    def sampled(self) -> int:
        """Tokens in the loss."""
        return len(self.targets) - self.targets.count(NOTHING)


def sequence(trace: Trace, advantage: float = 0.0) -> Sequence | None:
    """The sequence of a trace; None where no cue was put in."""
    first = next((place for place, segment in enumerate(trace.segments) if segment.kind == "cue"), None)
    if first is None:
        return None
    inputs: list[int] = []
    chosen: dict[int, int] = {}  # by the place of the input before it
    for segment in trace.segments[first:]:
        chosen.update(enumerate(_chosen(segment), len(inputs) - (segment.kind != "closing")))
        inputs += [CUE] * len(segment.tokens) if segment.kind == "cue" else segment.tokens
    targets = tuple(chosen.get(place, NOTHING) for place in range(len(inputs)))
    return Sequence(_tokens(trace.segments[:first]), tuple(inputs), targets, advantage)


def _chosen(segment: Segment) -> tuple[int, ...]:
    """What the model sampled of a segment, from its first token on; of an answer prompt, from its second."""
    if segment.kind in ("thinking", "answer"):
        # Of an end of several tokens only the first has all of its context in the trace.
        return segment.tokens + segment.end[:1]
    # What the model sampled of its end of thinking is read on only here; its first token is the thinking's `end`.
    return segment.tokens[1 : segment.paid] if segment.kind == "closing" else ()


def _tokens(segments: Iterable[Segment]) -> tuple[int, ...]:
    return tuple(chain.from_iterable(segment.tokens for segment in segments))
