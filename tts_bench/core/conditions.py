"""What a run sets for all of its arms alike."""

from __future__ import annotations

from dataclasses import dataclass, field

from tts_bench.engine import Sampling
from tts_bench.thinking import ThinkingFormat


@dataclass(frozen=True)
class Conditions:
    """What is the same for all arms of a run."""

    format: ThinkingFormat
    seed: int = 0
    thinking: Sampling = field(default_factory=Sampling)  # up to the first end of thinking
    continuation: Sampling = field(default_factory=Sampling)  # after a cue
    answer: Sampling = field(default_factory=Sampling)
    max_thinking: int = 8192  # tokens of a trace's thinking, cues included (the paper's Bmax)
    max_answer: int = 1024  # tokens kept free for the answer on top of it
    system: str | None = None
    columns: tuple[str, ...] = ()  # numbers beside each sampled token, for `logprobs()`
