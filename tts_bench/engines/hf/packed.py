"""Linear layers whose weights oneDNN has laid out once for its own kernels.

PyTorch's own layers hand the weights to the library as they are, which lays them out again for every product of a few
rows: on a processor that takes up to half of a decoding step.
"""

from __future__ import annotations

import os
from itertools import repeat
from typing import Any

import torch
from torch import Tensor, nn

_ROWS = 32  # the number of rows that the layout is chosen for; it serves any other too
# By which instructions oneDNN multiplies bfloat16, best first, and what of PyTorch, private to it, tells of them.
_BFLOAT16 = {"AMX": "_is_amx_tile_supported", "AVX512-BF16": "_is_avx512_bf16_supported"}
# What has oneDNN use fewer instructions than there are (the second is an older name), or round float32.
_LIMITS = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA", "ONEDNN_DEFAULT_FPMATH_MODE", "DNNL_DEFAULT_FPMATH_MODE")
BLOCK, WIDE = 64, 128  # rows of a product where each has the same number: in steps, and where prompts are read


class PackedLinear(nn.Module):
    """Computes what `linear` computes. The weights are copied: the originals can be dropped.

    With a `block`, rows are multiplied so many at a time and the last ones filled up. oneDNN's kernels for AMX sum in
    another order where a product has other numbers of rows or threads; in products of one shape they never do.
    """

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.block = 0
        self.weight = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach(), _ROWS)
        self.bias = None if linear.bias is None else linear.bias.detach()

    def forward(self, x: Tensor, other: Tensor | None = None, then: str = "none") -> Tensor:
        """The product, `then` what oneDNN does with it before it is rounded: "swish", or "add" and "mul" by `other`."""
        if x.requires_grad:
            product: Tensor = _Product.apply(x, self.weight, self.bias)  # type: ignore[no-untyped-call]
            return product
        rows = x.flatten(0, -2)
        if not self.block or len(rows) == self.block:
            return _product(rows, self.weight, self.bias, other, then).view(*x.shape[:-1], -1)
        fill = 0, 0, 0, -len(rows) % self.block
        blocks = torch.split(nn.functional.pad(rows, fill), self.block)
        others = [None] * len(blocks) if other is None else torch.split(nn.functional.pad(other, fill), self.block)
        each = [_product(*block, then) for block in zip(blocks, repeat(self.weight), repeat(self.bias), others)]
        return torch.cat(each)[: len(rows)].view(*x.shape[:-1], -1)


def swish(linear: nn.Module, x: Tensor) -> Tensor:
    """The layer's product of `x` [rows, width] times its own sigmoid."""
    product: Tensor = linear(x, None, "swish") if isinstance(linear, PackedLinear) else nn.functional.silu(linear(x))
    return product


def times(linear: nn.Module, x: Tensor, other: Tensor) -> Tensor:
    product: Tensor = linear(x, other, "mul") if isinstance(linear, PackedLinear) else linear(x).mul_(other)
    return product


def plus(linear: nn.Module, x: Tensor, other: Tensor) -> Tensor:
    product: Tensor = linear(x, other, "add") if isinstance(linear, PackedLinear) else linear(x).add_(other)
    return product


def _product(x: Tensor, weight: Tensor, bias: Tensor | None, other: Tensor | None = None, then: str = "none") -> Tensor:
    product: Tensor
    if other is None:
        product = torch.ops.mkldnn._linear_pointwise(x, weight, bias, then, [], "")
    else:
        product = torch.ops.mkldnn._linear_pointwise.binary(x, other, weight, bias, then)
    return product


class _Product(torch.autograd.Function):
    """The packed product, with the gradient of its input: what a frozen model hands down to its embeddings."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:  # noqa: ANN401
        ctx.weight = weight  # not `save_for_backward`: it was packed in inference mode
        return _product(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:  # noqa: ANN401
        return gradient @ ctx.weight.to_dense(), None, None  # laid out again, one layer at a time


def pack(model: nn.Module) -> bool:
    """Replace every linear layer of a model on the CPU; False where this PyTorch, processor or dtype cannot."""
    parameter = next(model.parameters())
    if parameter.device.type != "cpu" or not torch.backends.mkldnn.is_available():
        return False
    if parameter.dtype == torch.bfloat16:
        if not torch.ops.mkldnn._is_mkldnn_bf16_supported():
            return False
    elif parameter.dtype != torch.float32:
        return False
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if type(child) is nn.Linear:
                setattr(module, name, PackedLinear(child))
    return True


def is_emulated(dtype: torch.dtype) -> bool:
    """Whether oneDNN multiplies numbers of that kind by instructions for others."""
    return dtype == torch.bfloat16 and not instructions(dtype)


def described(dtype: torch.dtype) -> str:
    """What of the processor and the environment decides how packed layers sum: the same for the same bits.

    The instructions for bfloat16 round at other places: AMX, those of AVX-512, and none.
    """
    has = instructions(dtype)
    limits = [f"{name}={os.environ[name]}" for name in _LIMITS if os.environ.get(name)]
    return ", ".join([f"packed by {has[0]}" if has else "packed", *limits])


def instructions(dtype: torch.dtype) -> list[str]:
    """Those for numbers of that kind alone that this processor has, best first."""
    return [name for name, asked in _BFLOAT16.items() if dtype == torch.bfloat16 and getattr(torch.cpu, asked, bool)()]


def in_blocks(model: nn.Module, block: int) -> None:
    """Let every packed layer multiply `block` rows at a time; 0: as many as there are."""
    for module in model.modules():
        if isinstance(module, PackedLinear):
            module.block = block
