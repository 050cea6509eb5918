"""Attention over pages in a model of transformers, in the place of its own."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from transformers import AttentionInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

from tts_bench.engines.hf.attention import NAME, Plan, over_pages


def attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    plan: Plan | None = None,
    scaling: float | None = None,
    softcap: float | None = None,
    **rest: Any,
) -> tuple[Tensor, None]:
    """Attention as transformers calls it: [1, heads, T, head size] in, [1, T, heads, head size] out.

    Where the pass has no plan, it is PyTorch's own.

    Raises:
        ValueError: the model caps its scores.
    """
    if plan is None:
        outcome: tuple[Tensor, None] = sdpa_attention_forward(
            module, query, key, value, attention_mask, scaling=scaling, softcap=softcap, **rest
        )
        return outcome
    if softcap is not None:
        raise ValueError("its attention caps its scores")
    query, key, value = (part[0].transpose(0, 1) for part in (query, key, value))
    layer = int(module.layer_idx)  # type: ignore[arg-type]
    scaling = query.shape[-1] ** -0.5 if scaling is None else scaling
    return over_pages(plan, layer, query, key, value, scaling).unsqueeze(0), None


def read_pages(model: PreTrainedModel) -> None:
    """Have `model` attend over pages; masks of passes without a plan are those of transformers' "sdpa"."""
    AttentionInterface.register(NAME, attend)
    AttentionMaskInterface.register(NAME, sdpa_mask)
    model.set_attn_implementation(NAME)
