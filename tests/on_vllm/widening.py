"""The pocket model with wider attention heads: vLLM's kernels for the CPU take no heads of 24 numbers."""

from __future__ import annotations

import shutil
from pathlib import Path

import torch
from torch import Tensor
from transformers import AutoConfig, AutoModelForCausalLM


def widen(folder: Path, out: Path, size: int = 32) -> Path:
    """Write the Llama model in `folder` to `out` with attention heads of `size` numbers; returns `out`.

    It computes the same but for rounding: the heads are filled up with zeros, queries are scaled for the division by
    the root of the head's size, and the rotary base is such that each pair of numbers keeps its frequency.
    """
    old = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    small = old.config.head_dim
    config = AutoConfig.from_pretrained(folder)
    config.head_dim = size
    theta = config.rope_parameters["rope_theta"] ** (size / small)
    config.rope_parameters = {**config.rope_parameters, "rope_theta": theta}
    half = torch.arange(small // 2)
    places = torch.cat([half, half + size // 2])  # numbers that are turned together stand half a head apart

    def filled(name: str, tensor: Tensor) -> Tensor:
        if "self_attn" not in name:
            return tensor
        rows = tensor.T if "o_proj" in name else tensor
        wide = torch.zeros(len(rows) // small, size, rows.shape[1])
        wide[:, places] = rows.reshape(-1, small, rows.shape[1])
        wide = wide.flatten(0, 1) * ((size / small) ** 0.5 if "q_proj" in name else 1.0)
        return wide.T.contiguous() if "o_proj" in name else wide

    new = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    new.load_state_dict({name: filled(name, tensor) for name, tensor in old.state_dict().items()})
    new.save_pretrained(out)
    for file in folder.iterdir():
        if file.name.startswith("tokenizer") or file.name == "generation_config.json":
            shutil.copy(file, out)
    return out
