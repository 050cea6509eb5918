"""What every scorer offers: a problem and texts in, numbers out. Needs the standard library alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from tts_bench.api import Problem

Part = Literal["all", "thinking", "answer"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """What there is to score: texts without delimiters, so that a scorer of any family can word them in its own way.

    Equal candidates have equal scores.
    """

    thinking: str  # cues included; empty where the model does not think
    answer: str  # what the task's scorer reads; empty where there is none yet
    extracted: str | None = None  # as the task reads the answer
    sample: str = (
        ""  # names the sample, of which several may have the same texts; for scorers that declare `per_sample`
    )

    def text(self, part: Part = "all") -> str:
        """Thinking, then answer, an empty line between them; or one of the two alone."""
        both = {"thinking": self.thinking.strip(), "answer": self.answer.strip()}
        return both[part] if part != "all" else "\n\n".join(filter(None, both.values()))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a scorer says of one candidate, and what it took. The harness refuses numbers that are not finite."""

    value: float  # of the whole; higher is better
    steps: tuple[float, ...] = ()  # of each step, for scorers of steps
    read: int = 0  # tokens of the scorer's own prompt, read in one go
    sampled: int = 0  # tokens that it wrote after them
    said: str = ""  # what it wrote, for the record


@dataclass(frozen=True)
class ScorerInfo:
    """What a record says of a scorer."""

    name: str  # of its kind, such as "reward-model"
    model: str  # as the user named it
    fingerprint: str  # SHA-256 of weights, config and tokenizer, or of the code: what scores depend on
    identity: dict[str, object] = field(default_factory=dict)  # settings that change scores
    settings: dict[str, object] = field(default_factory=dict)  # settings that do not
    parameters: int = 0  # multiplied for each token, for FLOPs: all but the input embedding
    layers: int = 0
    width: int = 0  # attention width (heads x head size)
    per_sample: bool = False  # scores depend on `Candidate.sample` too; else equal texts are scored once


class Scorer(Protocol):
    """Scores for all that is in flight at once."""

    @property
    def info(self) -> ScorerInfo: ...

    async def score(self, problem: Problem, candidates: Sequence[Candidate]) -> list[Verdict]:
        """One verdict for each candidate, in their order. It depends on the problem and that candidate alone.

        Raises:
            EngineError: this problem or candidate cannot be scored, such as one that is too long.
        """
        ...

    async def close(self) -> None:
        """Release what it holds."""
        ...
