"""The two forward passes there are: a prompt alone, and one token for each row of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedModel

from tts_bench.engines.hf.attention import NAME, Plan, prefill_plan, register, step_plan
from tts_bench.engines.hf.pages import Pages

CHUNK, _UNIT = 128, 16  # most tokens of a prompt that are read at once, and what their number is filled up to


def batch_size(rows: int) -> int:
    """Rows that are computed where `rows` are wanted: 4 or a multiple of 8, so that the self-test can try every size.

    Batches of 1 to 3 rows take other kernels, whose results are not bit-identical.
    """
    return 4 if rows <= 4 else -(-rows // 8) * 8


class Decoder:
    """A causal language model over pages.

    The keys and values of a token depend on the prompt and the tokens up to there only: prompts are always prefilled
    alone, later tokens are always stepped.
    """

    def __init__(self, model: PreTrainedModel, vocabulary: int) -> None:
        """`vocabulary`: number of token ids that may be sampled; the rest of the matrix is padding."""
        register()
        model.set_attn_implementation(NAME)
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
        self.layers = config.num_hidden_layers
        self.packed = False  # whether its linear layers are packed for the processor
        self.block = 0  # rows of each of their products; 0: any number
        self.learned: dict[int, Tensor] = {}  # rows by id, beyond the matrix
        self.pages = Pages(self.layers, getattr(config, "num_key_value_heads", heads), size, self.dtype, self.device)
        self._no_mask = torch.empty(1, 1, 1, 1, device=self.device)  # of four dimensions: transformers makes none

    def prefill(self, prompt: Sequence[int], pages: Sequence[int], begin: int = 0) -> NDArray[np.float32]:
        """Read `prompt` from token `begin` on into `pages`; returns the logits after its last token."""
        logits = torch.empty(0)
        for start in range(begin, len(prompt), CHUNK):
            tokens = prompt[start : start + CHUNK]
            end, size = start + len(tokens), -(-len(tokens) // _UNIT) * _UNIT
            fill = size - len(tokens)
            plan = prefill_plan(self.pages, start, end, pages, size)
            last = torch.tensor([len(tokens) - 1], device=self.device)
            logits = self._forward([*tokens, *[0] * fill], [*range(start, end), *[start] * fill], plan, last)
        return self._host(logits[-1])

    def step(
        self, tokens: Sequence[int], positions: Sequence[int], pages: Sequence[Sequence[int]]
    ) -> NDArray[np.float32]:
        """Feed `tokens[i]` at `positions[i]` of the row that holds `pages[i]`; returns logits [rows, vocabulary]."""
        size = batch_size(len(tokens))
        fill = size - len(tokens)
        plan = step_plan(self.pages, positions, pages, size)
        return self._host(self._forward([*tokens, *[0] * fill], [*positions, *[0] * fill], plan, 0)[: len(tokens)])

    def plain(self, tokens: Sequence[int]) -> NDArray[np.float32]:
        """Logits after the last of `tokens` in one forward pass without pages: what the two others are checked by."""
        output = self.model(inputs_embeds=self._embed(tokens).unsqueeze(0), use_cache=False, logits_to_keep=1)
        return self._host(output.logits[0, -1])

    def _forward(self, tokens: Sequence[int], positions: Sequence[int], plan: Plan, keep: Tensor | int) -> Tensor:
        """Logits [tokens, matrix rows] of those tokens that `keep` names; all where it is 0."""
        output = self.model(
            inputs_embeds=self._embed(tokens).unsqueeze(0),
            attention_mask=self._no_mask,
            position_ids=torch.tensor(positions, device=self.device).unsqueeze(0),
            use_cache=False,
            logits_to_keep=keep,
            plan=plan,
        )
        logits: Tensor = output.logits[0]
        return logits

    def _embed(self, tokens: Sequence[int]) -> Tensor:
        known = torch.tensor([token if token < self.rows else 0 for token in tokens], device=self.device)
        embedded: Tensor = self.embedding(known)
        for place, token in enumerate(tokens):
            if token >= self.rows:
                embedded[place] = self.learned[token]
        return embedded

    def _host(self, logits: Tensor) -> NDArray[np.float32]:
        host: NDArray[np.float32] = logits[..., : self.vocabulary].float().cpu().numpy()
        return host
