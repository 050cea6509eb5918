"""Attention over pages: each page is read by itself, then what a token's pages gave is put together.

Tokens ask in blocks: a step has a block of one token for each row, a prompt is cut into blocks of `QUERIES` tokens at
fixed positions. The arithmetic of a block and a page has the same shape whoever else is in the batch, however long they
are, and wherever the page lies, so that a token's bits depend on nothing but the tokens up to it; and nothing is padded
to the length of another. Putting together is the log-sum-exp of FlashAttention (arXiv 2205.14135, section 3.1), as
FlashDecoding splits it over keys.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tts_bench.engines.hf.pages import PAGE, Pages

NAME = "tts-bench-pages"
QUERIES = 32  # tokens of a block of a prompt; a divisor of PAGE
_NOWHERE = 1 << 40  # where a page begins that no token may read
_LOG2E = math.log2(math.e)  # 2 to the power of a scaled score: PyTorch's exp is five times slower where one is -inf
Integers = NDArray[np.int64]


class Piece(NamedTuple):
    """The tokens of one prompt at positions `begin` to `end`; its row holds `pages`."""

    begin: int
    end: int
    pages: Sequence[int]


@dataclass(frozen=True)
class Plan:
    """What a forward pass over T tokens writes and reads: B blocks of Q tokens, each of which reads some of P pages."""

    pages: Pages
    written: tuple[Tensor, Tensor]  # page and place in it of the first tokens, [T or fewer]; the rest are not kept
    asked: Tensor | None  # [B * Q], the token at each place of the blocks; None where these are the tokens as they are
    answered: Tensor | None  # [T], the place of each token
    read: Tensor | None  # [P]; None where they are the first pages as they lie
    owner: Tensor  # [P], the block that reads each page
    table: Tensor  # [B, most pages of a block], which of the P are whose; 0, which nobody reads, where there are fewer
    listed: tuple[Tensor, Tensor]  # the same without the zeros, block by block, and where each block's begin, [B]
    bias: Tensor  # [P, 1, 1, Q, PAGE], 0 where a token may look and -inf elsewhere

    @property
    def blocks(self) -> int:
        return len(self.table)


def step_plan(pages: Pages, positions: Sequence[int], held: Sequence[Sequence[int]], rows: int) -> Plan:
    """One token at `positions[i]` for each row i, which holds the pages `held[i]`; rows up to `rows` only fill up."""
    at = np.asarray(positions)
    flat = np.fromiter(chain.from_iterable(held), np.int64)
    counts = np.array([len(its) for its in held] + [0] * (rows - len(held)))
    block, rank = _spread(counts)
    span = int(flat.max()) + 1
    owner, begin = np.zeros(span, np.int64), np.full(span, _NOWHERE)
    owner[flat], begin[flat] = block, rank * PAGE
    page = flat[np.cumsum(counts)[: len(held)] - counts[: len(held)] + at // PAGE]
    return _plan(pages, (page, at % PAGE), None, owner, (flat, counts), (at[owner] - begin)[:, None])


def prefill_plan(pages: Pages, pieces: Sequence[Piece], tokens: int) -> Plan:
    """The tokens of `pieces`, one after the other; those up to `tokens` only fill up."""
    pairs = [(piece, start) for piece in pieces for start in range(_floor(piece.begin), piece.end, QUERIES)]
    counts = np.array([start // PAGE + 1 for _, start in pairs])
    block, rank = _spread(counts)
    read = np.concatenate([np.asarray(piece.pages[: start // PAGE + 1]) for piece, start in pairs])
    at = np.concatenate([np.arange(piece.begin, piece.end) for piece in pieces])
    page = np.concatenate([np.asarray(its.pages)[np.arange(its.begin, its.end) // PAGE] for its in pieces])
    asked = np.zeros(len(pairs) * QUERIES, np.int64)  # where a block is not full: any token
    answered = np.zeros(tokens, np.int64)
    place = number = 0
    for piece in pieces:
        first, count = _floor(piece.begin), piece.end - piece.begin
        answered[place : place + count] = number + np.arange(piece.begin, piece.end) - first
        asked[answered[place : place + count]] = np.arange(place, place + count)
        place, number = place + count, number + (_floor(piece.end - 1) - first) + QUERIES
    starts = np.array([start for _, start in pairs])
    last = (starts[block] - rank * PAGE)[:, None] + np.arange(QUERIES)
    # Before the pages that are read comes page 0, which is nobody's.
    last = np.concatenate([np.full((1, QUERIES), -1), last])
    owner, read, flat = np.insert(block, 0, 0), np.insert(read, 0, 0), np.arange(1, len(read) + 1)
    return _plan(pages, (page, at % PAGE), read, owner, (flat, counts), last, (asked, answered))


def _floor(position: int) -> int:
    return position // QUERIES * QUERIES


def _spread(counts: Integers) -> tuple[Integers, Integers]:
    """For `counts[i]` things of each i in turn: their i, and the how manieth of it each is."""
    return np.repeat(np.arange(len(counts)), counts), np.arange(counts.sum()) - np.repeat(
        np.cumsum(counts) - counts, counts
    )


def _plan(
    pages: Pages,
    written: tuple[Integers, Integers],
    read: Integers | None,
    owner: Integers,
    listed: tuple[Integers, Integers],
    seen: Integers,
    places: tuple[Integers, Integers] | None = None,
) -> Plan:
    """`listed`: pages of each block and how many each has; `seen`: last place in each page for each token, [P, Q]."""
    flat, counts = listed
    table = np.zeros((len(counts), counts.max()), np.int64)
    table[_spread(counts)] = flat

    def on_device(array: Integers) -> Tensor:
        return torch.from_numpy(array).to(pages.device)

    visible = torch.arange(PAGE, device=pages.device) <= on_device(seen)[:, None, None, :, None]
    return Plan(
        pages,
        (on_device(written[0]), on_device(written[1])),
        None if places is None else on_device(places[0]),
        None if places is None else on_device(places[1]),
        None if read is None else on_device(read),
        on_device(owner),
        on_device(table),
        (on_device(flat), on_device(np.cumsum(counts) - counts)),
        torch.zeros(visible.shape, device=pages.device).masked_fill_(~visible, -torch.inf),
    )


def over_pages(plan: Plan, layer: int, query: Tensor, key: Tensor, value: Tensor, scaling: float) -> Tensor:
    """[T, heads, head size] in, with keys and values [T, key heads, head size], to be kept; the first comes back."""
    (_, heads, size), groups = query.shape, key.shape[1]
    keys, values = plan.pages.keys[layer], plan.pages.values[layer]
    page, place = plan.written
    keys[page, :, place], values[page, :, place] = key[: len(page)], value[: len(page)]
    if plan.read is None:
        keys, values = keys[: len(plan.owner)], values[: len(plan.owner)]
    else:
        keys, values = keys.index_select(0, plan.read), values.index_select(0, plan.read)
    scaled = query * scaling
    asked = scaled if plan.asked is None else scaled.index_select(0, plan.asked)
    blocks = asked.view(plan.blocks, -1, groups, heads // groups, size).permute(0, 2, 3, 1, 4)
    mixed = attended(plan, blocks, keys, values).permute(0, 3, 1, 2, 4).reshape(-1, heads, size)
    return mixed if plan.answered is None else mixed.index_select(0, plan.answered)


def attended(plan: Plan, query: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """[B, key heads, group, Q, head size] over pages [P, key heads, PAGE, head size]; the first shape comes back."""
    shape, dtype = (len(keys), *query.shape[1:4]), query.dtype
    if plan.pages.wide:
        query, keys, values = query.float(), keys.float(), values.float()

    def of_block(parts: Tensor) -> Tensor:
        """[P, ...] to [B, most pages, ...]"""
        return parts.index_select(0, plan.table.flatten()).view(*plan.table.shape, *parts.shape[1:])

    asked = query.index_select(0, plan.owner).flatten(2, 3).flatten(0, 1)
    products = torch.bmm(asked, keys.flatten(0, 1).transpose(1, 2)).view(*shape, PAGE)
    scores = torch.add(plan.bias, products, alpha=_LOG2E)
    peak = of_block(scores.amax(-1)).amax(1)
    weights = scores.sub_(peak.index_select(0, plan.owner).unsqueeze(-1)).exp2_()
    total = of_block(weights.sum(-1)).sum(1)
    parts = torch.bmm(weights.to(values.dtype).view(len(asked), -1, PAGE), values.flatten(0, 1)).float()
    mixed = nn.functional.embedding_bag(plan.listed[0], parts.view(len(keys), -1), plan.listed[1], mode="sum")
    return mixed.view(query.shape).div_(total.unsqueeze(-1)).to(dtype)
