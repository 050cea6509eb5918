"""A transformers cache of slots: every row has its own place in one preallocated tensor for each layer.

Prompts are prefilled alone, straight into their slot. A step writes one position of each of the first rows and reads
them where they lie: nothing is gathered, padded or concatenated.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from transformers.cache_utils import Cache, CacheLayerMixin

BLOCK = 64  # the attended length is a multiple of it


@dataclass
class _Plan:
    """Where the layers write in the forward pass that is under way."""

    slot: int | None = None  # the slot being prefilled; None in a step
    rows: Tensor | None = None  # [B]
    positions: Tensor | None = None  # [B]
    length: int = 0  # attended length of a step


class SlotLayer(CacheLayerMixin):
    """Keys and values of one layer: [2, slots, heads, capacity, head size]."""

    is_sliding = False

    def __init__(self, plan: _Plan, heads: int, size: int, dtype: torch.dtype, device: torch.device) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.plan = plan
        self.data = torch.zeros(2, 0, heads, 0, size, dtype=dtype, device=device)

    def resize(self, count: int, capacity: int) -> None:
        old = self.data
        # Zeros: a masked position has weight 0, and 0 times the NaN that fresh memory may hold is NaN.
        self.data = torch.zeros(2, count, old.shape[2], capacity, old.shape[4], dtype=old.dtype, device=old.device)
        kept, length = min(count, old.shape[1]), min(capacity, old.shape[3])
        self.data[:, :kept, :, :length] = old[:, :kept, :, :length]

    def copy(self, source: int, target: int, length: int) -> None:
        self.data[:, target, :, :length] = self.data[:, source, :, :length]

    def swap(self, one: int, two: int, length: int) -> None:
        kept = self.data[:, one, :, :length].clone()
        self.copy(two, one, length)
        self.data[:, two, :, :length] = kept

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: object, **kwargs: object
    ) -> tuple[Tensor, Tensor]:
        plan = self.plan
        if plan.slot is not None:
            length = key_states.shape[2]
            self.data[0, plan.slot, :, :length] = key_states[0]
            self.data[1, plan.slot, :, :length] = value_states[0]
            return key_states, value_states
        self.data[0][plan.rows, :, plan.positions] = key_states[:, :, 0]
        self.data[1][plan.rows, :, plan.positions] = value_states[:, :, 0]
        keys, values = self.data[:, : len(key_states), :, : plan.length]
        return keys, values

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Nothing to do: the storage is sized by `resize`."""

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return query_length, 0  # asked in a prefill only; a step brings its own mask

    def get_seq_length(self) -> int:
        return 0

    def get_max_length(self) -> int:
        return -1


class Slots(Cache):
    """All layers' slots. The last position of every slot is scratch: rows that only fill a batch write there."""

    def __init__(self, layers: int, heads: int, size: int, dtype: torch.dtype, device: torch.device) -> None:
        self._plan = _Plan()
        self._layers = [SlotLayer(self._plan, heads, size, dtype, device) for _ in range(layers)]
        super().__init__(layers=[*self._layers])
        self.count = 0
        self.capacity = 0  # positions of a slot, a multiple of BLOCK, scratch included
        self.token_bytes = 2 * layers * heads * size * dtype.itemsize

    def resize(self, count: int, capacity: int) -> None:
        """Make room for `count` slots of `capacity` positions; the first slots keep what they hold."""
        for layer in self._layers:
            layer.resize(count, capacity)
        self.count, self.capacity = count, capacity

    def copy(self, source: int, target: int, length: int) -> None:
        """Copy the first `length` positions of a slot."""
        for layer in self._layers:
            layer.copy(source, target, length)

    def swap(self, one: int, two: int, length: int) -> None:
        """Exchange the first `length` positions of two slots."""
        for layer in self._layers:
            layer.swap(one, two, length)

    def zero(self, slot: int) -> None:
        for layer in self._layers:
            layer.data[:, slot] = 0

    def plan_prefill(self, slot: int) -> None:
        """The next forward pass is the prefill of one prompt, batch 1, into `slot`."""
        self._plan.slot = slot

    def plan_step(self, positions: Tensor, length: int) -> None:
        """The next forward pass feeds one token to each of the first slots, at `positions` [B]; it reads `length`."""
        self._plan.slot = None
        self._plan.rows = torch.arange(len(positions), device=positions.device)
        self._plan.positions = positions
        self._plan.length = length
