"""The two forward passes there are: a prompt alone, and one token for each row of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedModel

from .slots import BLOCK, Slots


def batch_size(rows: int) -> int:
    """Rows that are computed where `rows` are wanted: 4 or a multiple of 8, so that the self-test can try every size.

    Batches of 1 to 3 rows take other kernels, which give other bits.
    """
    return 4 if rows <= 4 else -(-rows // 8) * 8


class Decoder:
    """A causal language model over slots.

    The keys and values of a token depend on the prompt and the tokens up to there only: prompts are always prefilled
    alone and whole, later tokens are always stepped.
    """

    def __init__(self, model: PreTrainedModel, vocabulary: int) -> None:
        """`vocabulary`: number of token ids that may be sampled; the rest of the matrix is padding."""
        config = model.config.get_text_config()
        heads = config.num_attention_heads
        size = getattr(config, "head_dim", None) or config.hidden_size // heads
        self.model = model
        self.embedding = model.get_input_embeddings()
        matrix = cast(Tensor, self.embedding.weight)
        self.device, self.dtype = matrix.device, matrix.dtype
        self.rows, self.width = matrix.shape
        self.vocabulary = min(vocabulary, self.rows)
        self.attention_width = heads * size
        self.boolean_mask = config._attn_implementation == "sdpa"
        self.packed = False  # whether its linear layers are packed for the processor
        self.learned: dict[int, Tensor] = {}  # rows by id, beyond the matrix
        self.slots = Slots(
            config.num_hidden_layers, getattr(config, "num_key_value_heads", heads), size, self.dtype, self.device
        )

    def prefill(self, slot: int, prompt: Sequence[int]) -> NDArray[np.float32]:
        """Read `prompt` into `slot`; returns the logits after its last token."""
        self.slots.plan_prefill(slot)
        embedded = self._embed(prompt).unsqueeze(0)
        output = self.model(inputs_embeds=embedded, past_key_values=self.slots, use_cache=True, logits_to_keep=1)
        return self._host(output.logits[0, -1])

    def step(self, tokens: Sequence[int], positions: Sequence[int]) -> NDArray[np.float32]:
        """Feed `tokens[i]` at `positions[i]` of slot i; returns logits [rows, vocabulary]."""
        fill = batch_size(len(tokens)) - len(tokens)
        length = -(-(max(positions) + 1) // BLOCK) * BLOCK
        seen = torch.tensor([*positions, *[0] * fill], device=self.device)
        written = torch.tensor([*positions, *[self.slots.capacity - 1] * fill], device=self.device)
        self.slots.plan_step(written, length)
        mask = torch.arange(length, device=self.device) <= seen[:, None]
        output = self.model(
            inputs_embeds=self._embed([*tokens, *[0] * fill]).unsqueeze(1),
            attention_mask=self._mask(mask[:, None, None]),
            position_ids=seen[:, None],
            past_key_values=self.slots,
            use_cache=True,
        )
        return self._host(output.logits[: len(tokens), -1])

    def plain(self, tokens: Sequence[int]) -> NDArray[np.float32]:
        """Logits after the last of `tokens` in one forward pass without slots: what the two others are checked by."""
        output = self.model(inputs_embeds=self._embed(tokens).unsqueeze(0), use_cache=False, logits_to_keep=1)
        return self._host(output.logits[0, -1])

    def _embed(self, tokens: Sequence[int]) -> Tensor:
        known = torch.tensor([token if token < self.rows else 0 for token in tokens], device=self.device)
        embedded: Tensor = self.embedding(known)
        for place, token in enumerate(tokens):
            if token >= self.rows:
                embedded[place] = self.learned[token]
        return embedded

    def _mask(self, mask: Tensor) -> Tensor:
        if self.boolean_mask:
            return mask
        # Eager attention adds the mask: a boolean one would count as 0 and 1.
        return torch.zeros(mask.shape, dtype=self.dtype, device=self.device).masked_fill(
            ~mask, torch.finfo(self.dtype).min
        )

    def _host(self, logits: Tensor) -> NDArray[np.float32]:
        host: NDArray[np.float32] = logits[..., : self.vocabulary].float().cpu().numpy()
        return host
