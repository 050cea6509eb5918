"""What a vLLM logits processor knows of each row of the batch, and what it does with their logits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tts_bench.engine import Request, Sampling
from tts_bench.streams import uniform

from .draws import draw


@dataclass(frozen=True)
class Row:
    """A request, as far as sampling is concerned."""

    stream: str
    sampling: Sampling
    prompt: int  # tokens before stream position 0

    @staticmethod
    def describe(request: Request) -> dict[str, Any]:
        """What is sent along with a request, for `read`."""
        sampling = request.sampling
        numbers = (sampling.temperature, sampling.top_k, sampling.top_p, sampling.min_p)
        return {"stream": request.stream, "sampling": numbers, "prompt": len(request.prompt)}

    @staticmethod
    def read(described: Mapping[str, Any]) -> Row:
        return Row(described["stream"], Sampling(*described["sampling"]), described["prompt"])

    def uniform(self, length: int) -> float:
        """The number for the token that comes after `length` tokens, prompt included."""
        return uniform(self.stream, length - self.prompt)


def choose(logits: Tensor, rows: Sequence[Row], lengths: Sequence[int], vocabulary: int) -> Tensor:
    """Make the token that is drawn for each row of `logits` [rows, ids] the one with the largest logit, +inf.

    Ids from `vocabulary` on are padding and learned tokens, and are never drawn. The last id of all, which no token may
    have, stands for a row whose logits are not finite.
    """
    uniforms = [row.uniform(length) for row, length in zip(rows, lengths, strict=True)]
    tokens = draw(logits[:, :vocabulary], [row.sampling for row in rows], uniforms)
    broken = tokens < 0
    # Their other logits could win yet. To ask an accelerator whether there are any would be to wait for it.
    if logits.device.type != "cpu" or broken.any():
        logits.masked_fill_(broken[:, None], -torch.inf)
    tokens = torch.where(broken, logits.shape[1] - 1, tokens)
    return logits.scatter_(1, tokens[:, None], torch.inf)
