from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from tts_bench.engines.hf.engine import HfEngine
from tts_bench.engines.hf.packed import PackedLinear, described, pack


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


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_gradient_that_packed_layers_hand_down_is_that_of_the_plain_ones(dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(64, 96), torch.nn.Linear(96, 32, bias=False)).to(dtype)
    x = torch.randn(3, 5, 64, dtype=dtype, generator=generator)
    way = torch.randn(3, 5, 32, dtype=dtype, generator=generator)
    plain, packed = (x.clone().requires_grad_() for _ in range(2))
    (model(plain) * way).sum().backward()
    with torch.inference_mode():  # as the engine does
        if not pack(model):
            pytest.skip("this processor has no packed layers of that dtype")
    (model(packed) * way).sum().backward()
    assert plain.grad is not None
    assert packed.grad is not None
    assert torch.equal(plain.grad, packed.grad)


@pytest.mark.parametrize(
    ("amx", "avx", "name"), [(1, 1, "packed by AMX"), (0, 1, "packed by AVX512-BF16"), (0, 0, "packed")]
)
def test_products_of_bfloat16_are_named_by_the_instructions_that_a_processor_has_for_them(
    tiny: Callable[..., Path],
    started: Callable[..., HfEngine],
    monkeypatch: pytest.MonkeyPatch,
    amx: int,
    avx: int,
    name: str,
) -> None:
    for limit in [each for each in os.environ if each.startswith(("ONEDNN", "DNNL"))]:
        monkeypatch.delenv(limit)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: bool(amx), raising=False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: bool(avx), raising=False)
    assert (described(torch.bfloat16), described(torch.float32)) == (name, "packed")
    engine = started(tiny(), dtype="bfloat16", exact=False)
    if engine._decoder.packed:
        wide = "" if amx or avx else ", attention in float32"
        assert str(engine.info.identity["arithmetic"]).endswith(f", {name}{wide}")


def test_a_torch_that_does_not_tell_of_its_instructions_names_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for asked in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"):
        monkeypatch.delattr(torch.cpu, asked, raising=False)
    assert described(torch.bfloat16).startswith("packed")
    assert " by " not in described(torch.bfloat16)


@pytest.mark.parametrize("limit", ["ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA", "ONEDNN_DEFAULT_FPMATH_MODE"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_the_environment_has_products_do_otherwise_is_named(
    monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype, limit: str
) -> None:
    before = described(dtype)
    monkeypatch.setenv(limit, "AVX2")
    assert described(dtype) == f"{before}, {limit}=AVX2"
