"""What a training of the pocket reasoner may vary."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from tts_bench.errors import UserError

_WARM, _PEAK = 20, 0.3  # of hardening


@dataclass(frozen=True)
class Settings:
    """Seed and length of one training; the recipe itself is code.

    Raises:
        UserError: a seed below 0, or steps, rate or batch tokens that cannot train.
    """

    seed: int = 0
    steps: int = 2200
    rounds: int = 4  # of hardening, after the steps: an attack, and `round_steps` on what it found
    round_steps: int = 125
    rate: float = 3e-3
    batch_tokens: int = 3000

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise UserError(f"--seed is {self.seed}, but a seed is 0 or more.")
        if self.steps < 1:
            raise UserError(f"--steps is {self.steps}, but training takes at least 1 step; {Settings.steps} is usual.")
        if self.rounds < 0:
            raise UserError(
                f"--rounds is {self.rounds}, but hardening takes 0 rounds or more; {Settings.rounds} is usual."
            )
        if self.round_steps < 1:
            raise UserError(f"--round-steps is {self.round_steps}, but a round takes at least 1 step.")
        if not (math.isfinite(self.rate) and 0 < self.rate < 1):
            raise UserError(f"--rate is {self.rate}, but a learning rate is between 0 and 1; {Settings.rate} is usual.")
        if self.batch_tokens < 512:
            raise UserError(f"--batch-tokens is {self.batch_tokens}, but a batch must hold one document of up to 512.")

    @property
    def total(self) -> int:
        """Steps of training and of hardening."""
        return self.steps + self.rounds * self.round_steps

    def schedule(self, step: int) -> float:
        """The share of the learning rate at a step.

        A warm-up of 100 steps (a tenth in short runs) and a cosine; from `_PEAK` on, another cosine over all hardening.
        """
        if step <= self.steps:  # at its end the first cosine is 0
            warm, done, length, peak = min(100, max(1, self.steps // 10)), step, self.steps, 1.0
        else:
            warm, done, length, peak = _WARM, step - self.steps, self.rounds * self.round_steps, _PEAK
        if done < warm:
            return peak * (done + 1) / warm
        return peak * 0.5 * (1 + math.cos(math.pi * min(1.0, (done - warm) / max(1, length - warm))))

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)
