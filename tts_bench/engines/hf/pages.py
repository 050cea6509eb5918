"""Where keys and values lie: in pages of `PAGE` tokens, of which every row has its own."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

PAGE = 64  # tokens


class Pages:
    """Keys and values of all layers, each a tensor [pages, heads, PAGE, head size].

    Storage is claimed once and grows without a copy, since fresh memory takes no room before it is used. Page 0 belongs
    to nobody: it stands where a row has fewer pages than the longest.
    """

    def __init__(self, layers: int, heads: int, size: int, dtype: torch.dtype, device: torch.device) -> None:
        self.layers, self.heads, self.size, self.dtype, self.device = layers, heads, size, dtype, device
        self.page_bytes = 2 * layers * heads * PAGE * size * dtype.itemsize
        self.wide = False  # whether attention multiplies in float32 what is kept in fewer bits
        self.keys: list[Tensor] = []
        self.values: list[Tensor] = []

    def resize(self, count: int) -> None:
        """Claim `count` pages that hold nothing; 0 gives the memory back."""
        self.keys, self.values = [], []  # before the new ones are claimed
        shape = (count, self.heads, PAGE, self.size)
        for into in (self.keys, self.values) if count else ():
            into.extend(torch.empty(shape, dtype=self.dtype, device=self.device) for _ in range(self.layers))
        if count:
            self.zero([0])

    def move(self, sources: Sequence[int], targets: Sequence[int]) -> None:
        """Page `targets[i]` gets what page `sources[i]` held before the call."""
        read, written = (torch.tensor(pages, device=self.device) for pages in (sources, targets))
        for data in (*self.keys, *self.values):
            data.index_copy_(0, written, data.index_select(0, read))

    def zero(self, pages: Sequence[int]) -> None:
        """Fresh memory may hold NaN, which a mask does not keep out: 0 times NaN is NaN."""
        for data in (*self.keys, *self.values):
            data[list(pages)] = 0
