"""The shipped model, and the row that was cut off it: the oracle lies in the tests alone."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file

from tts_bench.models import ALIASES, Shipped, shipped_folder

_ALIAS = ALIASES["pocket"]
assert isinstance(_ALIAS, Shipped)
FOLDER = shipped_folder(_ALIAS)


def oracle() -> torch.Tensor:
    """The embedding [hidden] of the control token of training."""
    return load_file(Path(__file__).parent / "oracle.safetensors")["row"]
