"""A decoder of the Llama shape from its configuration and tensors alone.

transformers' own takes a second to import, a seventh of a run of one problem. It stays the reference: a model is bare
only where the same files passed `check_architecture`, by transformers' forward pass, on this machine before.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from tts_bench import foreign

_PLAIN = {"rope_type", "rope_theta"}  # of rotary positions that are not stretched


class BareModel(nn.Module):
    """Layers under the names that transformers gives those of Llama and Qwen2. It has no forward pass of its own."""

    def __init__(self, config: Any) -> None:  # noqa: ANN401 - transformers' LlamaConfig or Qwen2Config
        super().__init__()
        self.config = config
        with torch.device("meta"):  # the tensors come from the file
            self.model = _Body(config)
            self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.model.rotary_emb = _Rotary(config)

    @property
    def base_model(self) -> nn.Module:
        return self.model

    def get_input_embeddings(self) -> nn.Module:
        return self.model.embed_tokens

    def get_output_embeddings(self) -> nn.Module:
        return self.lm_head


class _Body(nn.Module):
    def __init__(self, config: Any) -> None:  # noqa: ANN401
        super().__init__()
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(_Layer(config) for _ in range(config.num_hidden_layers))
        self.norm = _Norm(config)


class _Layer(nn.Module):
    def __init__(self, config: Any) -> None:  # noqa: ANN401
        super().__init__()
        self.self_attn, self.mlp = _Attention(config), _Mlp(config)
        self.input_layernorm, self.post_attention_layernorm = _Norm(config), _Norm(config)


class _Attention(nn.Module):
    def __init__(self, config: Any) -> None:  # noqa: ANN401
        super().__init__()
        qwen, own = config.model_type == "qwen2", getattr(config, "attention_bias", False)
        size, width = _head_size(config), config.hidden_size
        queries, keys = config.num_attention_heads * size, config.num_key_value_heads * size
        self.q_proj = nn.Linear(width, queries, bias=qwen or own)
        self.k_proj = nn.Linear(width, keys, bias=qwen or own)
        self.v_proj = nn.Linear(width, keys, bias=qwen or own)
        self.o_proj = nn.Linear(queries, width, bias=own and not qwen)
        self.scaling = size**-0.5


class _Mlp(nn.Module):
    def __init__(self, config: Any) -> None:  # noqa: ANN401
        super().__init__()
        bias = getattr(config, "mlp_bias", False)
        self.gate_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=bias)
        self.up_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=bias)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size, bias=bias)


class _Norm(nn.Module):
    def __init__(self, config: Any) -> None:  # noqa: ANN401
        super().__init__()
        self.weight = nn.Parameter(torch.empty(config.hidden_size))
        self.variance_epsilon = config.rms_norm_eps


class _Rotary(nn.Module):
    """Cosine and sine of each position's angles (arXiv 2104.09864, section 3.2), in float32 before they are rounded."""

    def __init__(self, config: Any) -> None:  # noqa: ANN401
        super().__init__()
        size, base = _head_size(config), config.rope_parameters["rope_theta"]
        self.frequencies = 1.0 / (base ** (torch.arange(0, size, 2, dtype=torch.float) / size))

    def forward(self, x: Tensor, positions: Tensor) -> tuple[Tensor, Tensor]:
        angles = positions[..., None].float() * self.frequencies
        twice = torch.cat((angles, angles), dim=-1)
        return twice.cos().to(x.dtype), twice.sin().to(x.dtype)


def _head_size(config: Any) -> int:  # noqa: ANN401
    return int(getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads)


def load(folder: Path, config: Any, dtype: torch.dtype) -> BareModel | None:  # noqa: ANN401
    """The model in `folder` on the processor; None where it is of another kind, or has other tensors, than above.

    Raises:
        OSError, ValueError: a file cannot be read.
    """
    rope = getattr(config, "rope_parameters", None) or {}
    kind = type(config)
    if (
        kind.__name__ not in ("LlamaConfig", "Qwen2Config")
        or not kind.__module__.startswith("transformers.models.")
        or config.hidden_act != "silu"
        or set(rope) != _PLAIN
        or rope["rope_type"] != "default"
        or getattr(config, "quantization_config", None)
    ):
        return None
    tensors: dict[str, Tensor] = {}
    for name in _files(folder):
        tensors |= load_file(folder / name)
    if config.tie_word_embeddings:
        if "lm_head.weight" in tensors:
            return None  # which of the two counts is for transformers to say
        tensors["lm_head.weight"] = tensors.get("model.embed_tokens.weight", torch.empty(0))
    model = BareModel(config)
    if _shapes(model.state_dict()) != _shapes(tensors):
        return None
    model.load_state_dict({name: its.to(dtype) for name, its in tensors.items()}, assign=True)
    return model


def _files(folder: Path) -> list[str]:
    """The files of a model's tensors, as transformers would read them."""
    index = folder / "model.safetensors.index.json"
    if (folder / "model.safetensors").is_file():
        return ["model.safetensors"]
    return sorted(set(foreign.document(index)["weight_map"].values())) if index.is_file() else []


def _shapes(tensors: dict[str, Tensor]) -> dict[str, torch.Size]:
    return {name: its.shape for name, its in tensors.items()}
