from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from tts_bench.engines.hf.packed import PackedLinear, pack


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("architecture", "tie"), [("llama", True), ("qwen2", False)])
def test_packed_layers_give_what_the_model_gives(
    tiny: Callable[..., Path], dtype: torch.dtype, architecture: str, tie: bool
) -> None:
    model = AutoModelForCausalLM.from_pretrained(tiny(architecture, tie), dtype=dtype)
    ids = torch.arange(20).unsqueeze(0)
    with torch.inference_mode():
        wanted = model(ids).logits
        if not pack(model):
            pytest.skip("this processor has no packed layers of that dtype")
        found = model(ids).logits
    assert isinstance(model.lm_head, PackedLinear)
    assert not any(type(module) is torch.nn.Linear for module in model.modules())
    assert (found - wanted).abs().max() <= (1e-4 if dtype == torch.float32 else 0.05) * wanted.abs().max()


def test_float16_is_left_as_it_is(tiny: Callable[..., Path]) -> None:
    model = AutoModelForCausalLM.from_pretrained(tiny(), dtype=torch.float16)
    assert not pack(model)
    assert type(model.lm_head) is torch.nn.Linear
