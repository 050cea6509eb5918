"""The two forward passes there are: prompts side by side, and one token for each row of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tts_bench.engines.hf.attention import Piece, Plan, prefill_plan, step_plan
from tts_bench.engines.hf.bare import BareModel
from tts_bench.engines.hf.llama import Llama, is_llama
from tts_bench.engines.hf.packed import WIDE, in_blocks
from tts_bench.engines.hf.pages import Pages

if TYPE_CHECKING:
    from transformers import PreTrainedModel

CHUNK = 512  # most tokens of prompts that are read at once


class Products(NamedTuple):
    """How matrices are multiplied: as given here for speed, otherwise where that has not the same bits every time."""

    block: int = 0  # rows of each product of a packed layer; 0: any number
    wide: bool = False  # whether attention multiplies in float32 what is kept in fewer bits


class Reading(NamedTuple):
    """A prompt to be read from token `begin` on into the pages of its row."""

    prompt: Sequence[int]
    pages: Sequence[int]
    begin: int = 0


def pass_size(tokens: int) -> int:
    """Tokens that are computed where `tokens` of prompts are read: few sizes, so that the self-test can try each."""
    unit = 16 if tokens <= CHUNK // 4 else CHUNK // 8
    return -(-tokens // unit) * unit


def batch_size(rows: int) -> int:
    """Rows that are computed where `rows` are wanted: 4 or a multiple of 8, so that the self-test can try every size.

    Batches of 1 to 3 rows take other kernels, whose results are not bit-identical.
    """
    return 4 if rows <= 4 else -(-rows // 8) * 8


def _filled(rows: int, block: int) -> int:
    return -(-rows // block) * block if block else rows


class Decoder:
    """A causal language model over pages.

    The keys and values of a token depend on the prompt and the tokens up to there only: prompts are always prefilled,
    later tokens are always stepped.
    """

    def __init__(self, model: PreTrainedModel | BareModel, vocabulary: int) -> None:
        """`model` reads pages (`hooked.read_pages`) or is bare.

        `vocabulary`: number of token ids that may be sampled; the rest of the matrix is padding.
        """
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
        self.products = Products()
        self.learned: dict[int, Tensor] = {}  # rows by id, beyond the matrix
        self.pages = Pages(self.layers, getattr(config, "num_key_value_heads", heads), size, self.dtype, self.device)
        self._llama = Llama(model) if is_llama(model) else None
        self._stepped = torch.empty(0, self.vocabulary)  # logits of the last step
        self._no_mask = torch.empty(1, 1, 1, 1, device=self.device)  # of four dimensions: transformers makes none

    def multiply(self, products: Products) -> None:
        """From now on in this way."""
        self.products, self.pages.wide = products, products.wide
        in_blocks(self.model, products.block)

    def prefill(self, readings: Sequence[Reading]) -> NDArray[np.float32]:
        """Read prompts side by side, `CHUNK` tokens at once; returns the logits after each one's last token."""
        if self.products.block:
            in_blocks(self.model, WIDE)
        logits: list[NDArray[np.float32]] = []
        tokens: list[int] = []
        pieces: list[tuple[Piece, bool]] = []
        for reading in readings:
            place, end = reading.begin, len(reading.prompt)
            while place < end:
                count = min(end - place, CHUNK - len(tokens))
                tokens += reading.prompt[place : place + count]
                pieces.append((Piece(place, place + count, reading.pages), place + count == end))
                place += count
                if len(tokens) == CHUNK:
                    logits.append(self._read(tokens, pieces))
                    tokens, pieces = [], []
        if tokens:
            logits.append(self._read(tokens, pieces))
        if self.products.block:
            in_blocks(self.model, self.products.block)
        return np.concatenate(logits)

    def _read(self, tokens: Sequence[int], pieces: Sequence[tuple[Piece, bool]]) -> NDArray[np.float32]:
        """Logits after the pieces that are the last of their prompt."""
        size = _filled(pass_size(len(tokens)), WIDE if self.products.block else 0)
        plan = prefill_plan(self.pages, [piece for piece, _ in pieces], size)
        positions = [position for piece, _ in pieces for position in range(piece.begin, piece.end)]
        ends = np.cumsum([piece.end - piece.begin for piece, _ in pieces]) - 1
        kept = [int(end) for end, (_, last) in zip(ends, pieces, strict=True) if last]
        fill = [0] * (size - len(tokens))
        filled = kept + [0] * (batch_size(len(kept)) - len(kept)) if kept else []
        head = torch.tensor(filled, dtype=torch.long, device=self.device)
        logits = self._forward([*tokens, *fill], [*positions, *fill], plan, head)
        return self._host(logits[: len(kept)]) if kept else np.empty((0, self.vocabulary), np.float32)

    def step(
        self, tokens: Sequence[int], positions: Sequence[int], pages: Sequence[Sequence[int]]
    ) -> NDArray[np.float32]:
        """Feed `tokens[i]` at `positions[i]` of the row that holds `pages[i]`.

        Returns logits [rows, vocabulary], which the next step overwrites: for a large vocabulary, fresh memory of this
        size is the kernel's to clear, page by page, and costs a twentieth of the step.
        """
        size = _filled(batch_size(len(tokens)), self.products.block)
        fill = size - len(tokens)
        plan = step_plan(self.pages, positions, pages, size)
        logits = self._forward([*tokens, *[0] * fill], [*positions, *[0] * fill], plan, None)[: len(tokens)]
        if len(self._stepped) < len(tokens):
            self._stepped = torch.empty(size, self.vocabulary)
        host: NDArray[np.float32] = self._stepped[: len(tokens)].copy_(logits[:, : self.vocabulary]).numpy()
        return host

    def plain(self, tokens: Sequence[int]) -> NDArray[np.float32]:
        """Logits after the last of `tokens` in one forward pass without pages: what the two others are checked by."""
        output = self.model(inputs_embeds=self._embed(tokens).unsqueeze(0), use_cache=False, logits_to_keep=1)
        return self._host(output.logits[0, -1])

    def _forward(self, tokens: Sequence[int], positions: Sequence[int], plan: Plan, keep: Tensor | None) -> Tensor:
        """Logits [tokens, matrix rows] of those tokens that `keep` names, or of all; if none, anything."""
        at = torch.tensor(positions, device=self.device)
        if self._llama:
            hidden = self._llama(self._embed(tokens), at, plan)
            if keep is not None:
                hidden = hidden.index_select(0, keep)
            return cast(Tensor, self.model.get_output_embeddings()(hidden)) if len(hidden) else hidden
        output = self.model(
            inputs_embeds=self._embed(tokens).unsqueeze(0),
            attention_mask=self._no_mask,
            position_ids=at.unsqueeze(0),
            use_cache=False,
            logits_to_keep=0 if keep is None else keep if len(keep) else 1,
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
