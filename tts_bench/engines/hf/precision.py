"""Which numbers a model computes in where nobody says: decided by a measured probe."""

from __future__ import annotations

import time

import torch
import transformers
from torch import nn

from tts_bench.engines.hf.packed import pack

_ROWS, _ROUNDS = 32, 7
_MARGIN = 1.5  # what is faster by less may be so only now and then, and a run that is resumed must choose alike
_MOST = 2048, 4096  # of a layer: larger than the caches, and done in a fraction of a second


def chosen(device: torch.device, config: transformers.PreTrainedConfig) -> torch.dtype:
    """bfloat16 on accelerators, and on a processor that is clearly faster with it if the weights are stored in it.

    Weights stored in float32 are never cut on a processor, so that small models keep their bits without a probe.
    """
    if device.type != "cpu":
        return torch.bfloat16
    stored = getattr(config, "dtype", None)
    inner = config.get_text_config()
    width, wide = getattr(inner, "hidden_size", 0), getattr(inner, "intermediate_size", 0)
    if stored != torch.bfloat16 or not width or not wide:
        return torch.float32
    return torch.bfloat16 if speedup(min(width, _MOST[0]), min(wide, _MOST[1])) > _MARGIN else torch.float32


def speedup(width: int, wide: int) -> float:
    """How many times faster a packed layer of that shape is in bfloat16 than in float32, with a batch of a step's size.

    The fastest of some rounds, taken in turn, so that other work on the machine does not decide. 0 where the processor
    cannot.
    """
    sides: list[tuple[nn.Sequential, torch.Tensor]] = []
    for dtype in (torch.float32, torch.bfloat16):
        layer = nn.Sequential(nn.Linear(width, wide, bias=False, dtype=dtype))
        if not pack(layer):
            return 0.0
        sides.append((layer, torch.zeros(_ROWS, width, dtype=dtype)))
    fastest = [float("inf")] * 2
    with torch.inference_mode():
        for _ in range(_ROUNDS):
            for side, (layer, rows) in enumerate(sides):
                began = time.perf_counter()
                layer(rows)
                fastest[side] = min(fastest[side], time.perf_counter() - began)
    return fastest[0] / fastest[1]
