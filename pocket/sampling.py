"""A sampler for many rows at once: the Llama forward pass in plain torch, with a cache that each row fills on its own.

It shares no code with the engines, so that what the gate measures is the model's and not the harness's; on one core it
is an order of magnitude faster than transformers' `generate`. Temperature 1, no top-k and no top-p.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional
from transformers import LlamaForCausalLM

_SHRINK = 0.7  # rows are copied together when fewer than this share of them still run
_GROWTH = 32  # places by which the cache grows: a slice of a longer one would be copied at every step


class Weights:
    """A Llama model's tensors, and its embedding with the oracle's row put after the vocabulary where there is one."""

    def __init__(self, model: LlamaForCausalLM, oracle: Tensor | None = None) -> None:
        inner = model.model
        table = inner.embed_tokens.weight.detach()
        self.embedding = table if oracle is None else torch.cat([table, oracle.reshape(1, -1)])
        self.head, self.norm = model.lm_head.weight.detach(), inner.norm.weight.detach()
        self.layers = [
            (
                layer.input_layernorm.weight.detach(),
                torch.cat([p.weight.detach() for p in (a.q_proj, a.k_proj, a.v_proj)]),
                a.o_proj.weight.detach(),
                layer.post_attention_layernorm.weight.detach(),
                torch.cat([layer.mlp.gate_proj.weight.detach(), layer.mlp.up_proj.weight.detach()]),
                layer.mlp.down_proj.weight.detach(),
            )
            for layer in inner.layers
            for a in (layer.self_attn,)
        ]
        self.heads, self.eps = model.config.num_attention_heads, model.config.rms_norm_eps
        self.positions, width = model.config.max_position_embeddings, table.shape[1]
        size = width // self.heads
        rope = cast(dict[str, Any], model.config.rope_parameters)
        turns = 1 / rope["rope_theta"] ** (torch.arange(0, size, 2) / size)
        angle = torch.outer(torch.arange(self.positions), torch.cat([turns, turns]))
        self.cos, self.sin = angle.cos(), angle.sin()


class Rows:
    """Token sequences that are read and sampled side by side. `ids` are the tokens of each row."""

    def __init__(self, weights: Weights, generator: torch.Generator, contexts: Sequence[Sequence[int]]) -> None:
        self._weights, self._generator = weights, generator
        layers, width = len(weights.layers), weights.embedding.shape[1]
        self._cache = torch.zeros(layers, 2, len(contexts), weights.heads, 0, width // weights.heads)
        self._lengths = torch.zeros(len(contexts), dtype=torch.long)
        self._logits = torch.empty(len(contexts), weights.head.shape[0])  # after the last token of each row
        self.ids: list[list[int]] = [[] for _ in contexts]
        self.feed(contexts)

    def feed(self, added: Sequence[Sequence[int]]) -> Tensor:
        """Read tokens, some in every row; returns the logits after each of them [rows, longest, vocabulary]."""
        counts = torch.tensor([len(each) for each in added])
        block = torch.zeros(len(added), int(counts.max()), dtype=torch.long)
        for row, each in enumerate(added):
            block[row, : len(each)] = torch.tensor(each)
            self.ids[row].extend(each)
        self._cache = _grown(self._cache, int(self._lengths.max()) + block.shape[1])
        logits = _forward(self._weights, self._cache, self._lengths, block)
        self._lengths += counts
        self._logits = logits[torch.arange(len(added)), counts - 1]
        return logits

    def rewind(self, lengths: Sequence[int]) -> None:
        """Forget what each row holds beyond its length; something must be fed before sampling goes on."""
        self._lengths = torch.tensor(lengths)
        self.ids = [ids[:length] for ids, length in zip(self.ids, lengths, strict=True)]

    def sample(self, stop: int, limit: int, greedy: bool = False) -> list[bool]:
        """Sample in every row up to and without `stop`, at most `limit` tokens; says which rows came to `stop`."""
        running = torch.arange(len(self.ids))
        cache, lengths, logits = self._cache, self._lengths.clone(), self._logits
        ended = [False] * len(self.ids)
        sampled = 0
        alive = torch.ones(len(running), dtype=torch.bool)
        while True:
            chosen = logits.argmax(-1) if greedy else _draw(logits, self._generator)
            alive &= chosen != stop
            for row in running[~alive].tolist():
                ended[row] = True
            full = sampled == limit or bool((lengths >= self._weights.positions).any())
            count = int(alive.sum())
            if count == 0 or full:
                break
            if count < _SHRINK * len(running):
                self._keep(running, cache, lengths)
                running, cache, lengths = running[alive], cache[:, :, alive], lengths[alive]
                chosen, alive = chosen[alive], torch.ones(count, dtype=torch.bool)
            for place, token in enumerate(chosen.tolist()):
                if alive[place]:
                    self.ids[int(running[place])].append(token)
            cache = _grown(cache, int(lengths.max()) + 1)
            logits = _forward(self._weights, cache, lengths, chosen[:, None])[:, 0]
            lengths += alive.long()
            sampled += 1
        self._keep(running, cache, lengths)
        return ended

    def _keep(self, running: Tensor, cache: Tensor, lengths: Tensor) -> None:
        self._lengths[running] = lengths
        if len(running) == len(self.ids):  # nothing was dropped: this is the cache of all rows, perhaps grown
            self._cache = cache
            return
        self._cache = _grown(self._cache, cache.shape[-2])
        self._cache[:, :, running, :, : cache.shape[-2]] = cache


def _grown(cache: Tensor, places: int) -> Tensor:
    """The cache with room for that many places in a row."""
    missing = places - cache.shape[-2]
    return cache if missing <= 0 else functional.pad(cache, (0, 0, 0, -(-missing // _GROWTH) * _GROWTH))


def _draw(logits: Tensor, generator: torch.Generator) -> Tensor:
    return torch.multinomial(logits.softmax(-1), 1, generator=generator)[:, 0]


def _forward(weights: Weights, cache: Tensor, lengths: Tensor, block: Tensor) -> Tensor:
    """Logits after each token of `block` [rows, tokens], which stands in each row after its `lengths` cached ones."""
    rows, count = block.shape
    places = lengths[:, None] + torch.arange(count)
    unseen = torch.arange(cache.shape[-2]) > places[:, :, None]  # [rows, tokens, places]
    bias = torch.zeros(unseen.shape).masked_fill_(unseen, -torch.inf)[:, None]
    cos, sin = weights.cos[places][:, :, None], weights.sin[places][:, :, None]
    at = torch.arange(rows)[:, None]
    hidden = weights.embedding[block]
    for (keys, values), (norm1, qkv, out, norm2, up, down) in zip(cache, weights.layers, strict=True):
        mixed = functional.linear(_norm(hidden, norm1, weights.eps), qkv)
        query, key, value = mixed.view(rows, count, 3, weights.heads, -1).unbind(2)
        keys[at, :, places], values[at, :, places] = _turn(key, cos, sin), value
        asked = _turn(query, cos, sin).transpose(1, 2)
        scores = asked @ keys.transpose(-1, -2) * asked.shape[-1] ** -0.5 + bias
        found = scores.softmax(-1) @ values
        hidden = hidden + functional.linear(found.transpose(1, 2).reshape(rows, count, -1), out)
        gate, value = functional.linear(_norm(hidden, norm2, weights.eps), up).chunk(2, -1)
        hidden = hidden + functional.linear(functional.silu(gate) * value, down)
    return functional.linear(_norm(hidden, weights.norm, weights.eps), weights.head)


def _norm(hidden: Tensor, weight: Tensor, eps: float) -> Tensor:
    return functional.rms_norm(hidden, weight.shape, weight, eps)


def _turn(vectors: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    first, second = vectors.chunk(2, -1)
    return vectors * cos + torch.cat([-second, first], -1) * sin
