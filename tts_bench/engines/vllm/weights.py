"""What can be known of a model's weights from the headers of its files: how large it is, in numbers and in bytes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.filesize import decimal
from safetensors import safe_open

from tts_bench.errors import UserError
from tts_bench.models.folder import EMBEDDINGS

_OUTPUTS = ("lm_head.weight", "embed_out.weight")


@dataclass(frozen=True)
class Weights:
    """Numbers of a checkpoint: all of them, and those multiplied for each token (all but the input embedding)."""

    total: int
    multiplied: int


def count(folder: Path, *, tied: bool) -> Weights:
    """Count the numbers in the safetensors files of `folder`; `tied`: one matrix is both embedding and output."""
    shapes = dict(_shapes(folder))
    outputs = sum(size for name, size in shapes.items() if name.endswith(_OUTPUTS))
    if tied:
        total = sum(shapes.values()) - outputs  # some checkpoints hold the matrix twice
        return Weights(total, total)
    read = tuple(f"{layer}.weight" for layer in EMBEDDINGS)
    total = sum(shapes.values())
    return Weights(total, total - sum(size for name, size in shapes.items() if name.endswith(read)))


def check_room(needed: int, there: int, name: str, device: str) -> None:
    """Refuse weights of `needed` bytes where the devices have `there` bytes.

    Raises:
        UserError: they do not fit.
    """
    if needed > there:
        raise UserError(
            f"{name} is too large: its weights take {decimal(needed)}, and {device} has {decimal(there)}, which is "
            f"{decimal(needed - there)} too little. Use a smaller model, --dtype bfloat16, or several GPUs: "
            "--vllm tensor_parallel_size=2."
        )


def _shapes(folder: Path) -> Iterator[tuple[str, int]]:
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, framework="numpy") as tensors:
            for name in tensors.keys():  # noqa: SIM118  (not a mapping)
                yield name, math.prod(tensors.get_slice(name).get_shape())
