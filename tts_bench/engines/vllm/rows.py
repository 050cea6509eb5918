"""What a vLLM logits processor knows of each row of the batch, and what it does with their logits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tts_bench.engine import Request, Sampling
from tts_bench.engines.vllm.draws import draw
from tts_bench.engines.vllm.measuring import KEPT, measure
from tts_bench.streams import uniform


@dataclass(frozen=True)
class Row:
    """A request, as far as sampling is concerned."""

    stream: str
    sampling: Sampling
    prompt: int  # tokens before stream position 0
    columns: tuple[str, ...] = ()
    name: str = ""  # under which its columns are kept

    @staticmethod
    def describe(request: Request, name: str = "") -> dict[str, Any]:
        """What is sent along with a request, for `read`."""
        sampling = request.sampling
        numbers = (sampling.temperature, sampling.top_k, sampling.top_p, sampling.min_p, sampling.bias)
        described: dict[str, Any] = {"stream": request.stream, "sampling": numbers, "prompt": len(request.prompt)}
        return described | ({"columns": list(request.columns), "name": name} if request.columns else {})

    @staticmethod
    def read(described: Mapping[str, Any]) -> Row:
        columns, name = tuple(described.get("columns", ())), described.get("name", "")
        temperature, top_k, top_p, min_p, bias = described["sampling"]
        sampling = Sampling(temperature, top_k, top_p, min_p, tuple((token, added) for token, added in bias))
        return Row(described["stream"], sampling, described["prompt"], columns, name)

    def position(self, length: int) -> int:
        """The stream position of the token that comes after `length` tokens, prompt included."""
        return length - self.prompt


def choose(logits: Tensor, rows: Sequence[Row], lengths: Sequence[int], vocabulary: int) -> Tensor:
    """Make the token that is drawn for each row of `logits` [rows, ids] the one with the largest logit, +inf.

    Ids from `vocabulary` on are padding and learned tokens, and are never drawn. The last id of all, which no token may
    have, stands for a row whose logits are not finite.
    """
    positions = [row.position(length) for row, length in zip(rows, lengths, strict=True)]
    uniforms = [uniform(row.stream, position) for row, position in zip(rows, positions, strict=True)]
    tokens = draw(logits[:, :vocabulary], [row.sampling for row in rows], uniforms)
    broken = tokens < 0
    _measure(logits[:, :vocabulary], tokens, rows, positions)
    # Their other logits could win yet. To ask an accelerator whether there are any would be to wait for it.
    if logits.device.type != "cpu" or broken.any():
        logits.masked_fill_(broken[:, None], -torch.inf)
    tokens = torch.where(broken, logits.shape[1] - 1, tokens)
    return logits.scatter_(1, tokens[:, None], torch.inf)


def _measure(logits: Tensor, tokens: Tensor, rows: Sequence[Row], positions: Sequence[int]) -> None:
    """Keep the columns of those rows that ask for any, as the model gave their logits."""
    alike: dict[tuple[str, ...], list[int]] = {}
    for place, row in enumerate(rows):
        if row.columns:
            alike.setdefault(row.columns, []).append(place)
    for names, places in alike.items():
        some = slice(None) if len(places) == len(rows) else torch.tensor(places, device=logits.device)
        measured = measure(logits[some], tokens[some].clamp(min=0), names)
        KEPT.add([rows[place].name for place in places], [positions[place] for place in places], measured)
