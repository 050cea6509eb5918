"""The interface of every scorer: a problem and texts in, numbers out. Uses the standard library only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from tts_bench.api import Problem

Part = Literal["all", "thinking", "answer"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A text to score, without delimiters, so that a scorer of any family can format it in its own way.

    Equal candidates have equal scores.
    """

    thinking: str  # cues included; empty if the model does not think
    answer: str  # what the task's scorer reads; empty if there is none yet
    extracted: str | None = None  # the answer as extracted by the task
    sample: str = ""  # identifies the sample, since several may have equal texts; for scorers that declare `per_sample`

    def text(self, part: Part = "all") -> str:
        """Thinking and answer, separated by an empty line; or one of the two alone."""
        both = {"thinking": self.thinking.strip(), "answer": self.answer.strip()}
        return both[part] if part != "all" else "\n\n".join(filter(None, both.values()))


@dataclass(frozen=True, slots=True)
class Verdict:
    """A scorer's verdict on one candidate, and its cost. The harness refuses numbers that are not finite."""

    value: float  # of the whole; higher is better
    steps: tuple[float, ...] = ()  # per step, if the scorer scores steps
    read: int = 0  # tokens of the scorer's own prompt, read in one pass
    sampled: int = 0  # tokens generated after it
    said: str = ""  # the generated text, for the record


@dataclass(frozen=True)
class ScorerInfo:
    """What records state about a scorer."""

    name: str  # its kind, such as "reward-model"
    model: str  # as the user named it
    fingerprint: str  # SHA-256 of weights, config and tokenizer, or of the code: what scores depend on
    identity: dict[str, object] = field(default_factory=dict)  # settings that change scores
    settings: dict[str, object] = field(default_factory=dict)  # settings that do not
    parameters: int = 0  # multiplied per token, for FLOPs: all but the input embedding
    layers: int = 0
    width: int = 0  # attention width (heads x head size)
    per_sample: bool = False  # scores also depend on `Candidate.sample`; otherwise equal texts are scored once


class Scorer(Protocol):
    """Scores all problems in flight at once."""

    @property
    def info(self) -> ScorerInfo: ...

    async def score(self, problem: Problem, candidates: Sequence[Candidate]) -> list[Verdict]:
        """One verdict per candidate, in order. Each depends only on the problem and its own candidate.

        Raises:
            EngineError: this problem or candidate cannot be scored, such as one that is too long.
        """
        ...

    async def close(self) -> None:
        """Release its resources."""
        ...
