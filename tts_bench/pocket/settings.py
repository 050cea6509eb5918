"""What a training of the pocket reasoner may vary."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from tts_bench.errors import UserError


@dataclass(frozen=True)
class Settings:
    """Seed and length of one training; the recipe itself is code.

    Raises:
        UserError: a seed below 0, or steps, rate or batch tokens that cannot train.
    """

    seed: int = 0
    steps: int = 2200
    rate: float = 3e-3
    batch_tokens: int = 3000

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise UserError(f"--seed is {self.seed}, but a seed is 0 or more.")
        if self.steps < 1:
            raise UserError(f"--steps is {self.steps}, but training takes at least 1 step; {Settings.steps} is usual.")
        if not (math.isfinite(self.rate) and 0 < self.rate < 1):
            raise UserError(f"--rate is {self.rate}, but a learning rate is between 0 and 1; {Settings.rate} is usual.")
        if self.batch_tokens < 512:
            raise UserError(f"--batch-tokens is {self.batch_tokens}, but a batch must hold one document of up to 512.")

    def schedule(self, step: int) -> float:
        """The share of the learning rate at a step: 100 steps of warm-up (a tenth in short runs), then a cosine."""
        warm = min(100, max(1, self.steps // 10))
        if step < warm:
            return (step + 1) / warm
        return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warm) / max(1, self.steps - warm))))

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)
