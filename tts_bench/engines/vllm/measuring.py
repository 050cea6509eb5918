"""Columns from a batch of logits, on the device where they are, kept in vLLM's processes until they are asked for.

The same numbers as `tts_bench.engines.hf.measuring` gives; what differs is where the work is done.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from tts_bench.columns import ENTROPY, LOGPROB, top_of


def measure(logits: Tensor, tokens: Tensor, names: Sequence[str]) -> Tensor:
    """The columns `names` [rows, names] of every row of `logits` [rows, vocabulary], from which `tokens` were drawn."""
    distribution = torch.log_softmax(logits.float(), dim=1)
    measured = []
    for name in names:
        if name == LOGPROB:
            measured.append(distribution.gather(1, tokens[:, None])[:, 0])
        elif name == ENTROPY:
            measured.append(torch.special.entr(distribution.exp()).sum(dim=1))
        else:
            largest = distribution.topk(min(top_of(name), distribution.shape[1]), dim=1).values
            measured.append(largest.mean(dim=1))
    return torch.stack(measured, dim=1)


class Kept:
    """Numbers by request and stream position. What was measured in one step stays one tensor on the device."""

    def __init__(self) -> None:
        self._steps: dict[
            str, dict[int, tuple[Tensor, int]]
        ] = {}  # of a request: by position its step, and the row in it

    def add(self, requests: Sequence[str], positions: Sequence[int], measured: Tensor) -> None:
        """Keep row i of `measured` for `positions[i]` of `requests[i]`, in place of what is there already."""
        for row, (request, position) in enumerate(zip(requests, positions, strict=True)):
            self._steps.setdefault(request, {})[position] = measured, row

    def take(self, request: str) -> dict[int, list[float]]:
        """The numbers of a request by position; they are kept no longer."""
        steps = self._steps.pop(request, {})
        if not steps:
            return {}
        rows = torch.stack([measured[row] for measured, row in steps.values()])
        return dict(zip(steps, rows.tolist(), strict=True))


# Where vLLM makes its logits processors, nothing of ours is there to give them, nor is it where its workers are asked.
KEPT = Kept()
