"""The forward pass of decoders of the Llama shape, without what transformers does around it in every layer.

Root-mean-square norms, rotary positions, SwiGLU. It calls the model's own layers, so that their weights are there once,
and `check_architecture` compares it with the model's own forward pass, as it does for every model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from tts_bench.engines.hf.attention import Plan, over_pages
from tts_bench.engines.hf.bare import BareModel
from tts_bench.engines.hf.packed import plus, swish, times

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_KNOWN = ("LlamaForCausalLM", "Qwen2ForCausalLM")


def is_llama(model: PreTrainedModel | BareModel) -> bool:
    """Whether the model is one of those whose forward pass is known to be the one below."""
    if isinstance(model, BareModel):
        return True
    kind, config = type(model), model.config.get_text_config()
    own = kind.__module__.startswith("transformers.models.")  # and no code that came with the model
    return own and kind.__name__ in _KNOWN and config.hidden_act == "silu"


class Llama:
    """The layers of a model that `is_llama`."""

    def __init__(self, model: PreTrainedModel | BareModel) -> None:
        self._inner: Any = model.base_model

    def __call__(self, x: Tensor, positions: Tensor, plan: Plan) -> Tensor:
        """Embeddings [T, width] of tokens at `positions` [T] in; hidden states come back."""
        cos, sin = (part[0].unsqueeze(1) for part in self._inner.rotary_emb(x.unsqueeze(0), positions.unsqueeze(0)))
        half = sin.shape[-1] // 2
        sin = torch.cat([-sin[..., :half], sin[..., half:]], -1)

        def heads_of(product: Tensor) -> Tensor:
            return product.view(len(x), -1, 2 * half)

        def rotated(heads: Tensor) -> Tensor:
            return torch.addcmul(heads * cos, heads.roll(half, -1), sin)

        for number, layer in enumerate(self._inner.layers):
            attention, mlp = layer.self_attn, layer.mlp
            hidden = _normed(x, layer.input_layernorm)
            query, key = (rotated(heads_of(part(hidden))) for part in (attention.q_proj, attention.k_proj))
            value = heads_of(attention.v_proj(hidden))
            mixed = over_pages(plan, number, query, key, value, attention.scaling)
            x = plus(attention.o_proj, mixed.flatten(1), x)
            hidden = _normed(x, layer.post_attention_layernorm)
            x = plus(mlp.down_proj, times(mlp.up_proj, hidden, swish(mlp.gate_proj, hidden)), x)
        return _normed(x, self._inner.norm)


def _normed(x: Tensor, norm: Any) -> Tensor:  # noqa: ANN401
    length = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=torch.float32)
    scale = (length.square_() / x.shape[-1]).add_(norm.variance_epsilon).rsqrt_()
    return torch.mul(x, scale).to(x.dtype).mul_(norm.weight)
