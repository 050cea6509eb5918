"""Attention over pages: each page is read by itself, then what a row's pages gave is put together.

The arithmetic of a page has the same shape whoever else is in the batch, however long they are, and wherever the page
lies, so that a row's bits depend on nothing but its own tokens; and no row is padded to the length of another. Putting
together is the log-sum-exp of FlashAttention (arXiv 2205.14135, section 3.1), as FlashDecoding splits it over keys.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

from tts_bench.engines.hf.pages import PAGE, Pages

NAME = "tts-bench-pages"
_NOWHERE = 1 << 40  # where a page begins that no row may read
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Plan:
    """What a forward pass over T tokens of R rows writes and reads: Q tokens of each row, P pages in all."""

    pages: Pages
    written: tuple[Tensor, Tensor]  # page and place in it of the first tokens, [T or fewer]; the rest are not kept
    read: Tensor | None  # [P]; None where they are the first pages as they lie
    owner: Tensor  # [P], the row that reads each page
    table: Tensor  # [R, most pages of a row], which of the pages are whose
    bias: Tensor  # [P, 1, 1, Q, PAGE], 0 where a token may look and -inf elsewhere
    rows: int


def step_plan(pages: Pages, positions: Sequence[int], held: Sequence[Sequence[int]], rows: int) -> Plan:
    """One token at `positions[i]` for each row i, which holds the pages `held[i]`; rows up to `rows` only fill up."""
    at, counts = np.asarray(positions), np.array([len(its) for its in held])
    flat = np.fromiter(chain.from_iterable(held), np.int64, int(counts.sum()))
    row = np.repeat(np.arange(len(held)), counts)
    rank = np.arange(len(flat)) - np.repeat(np.cumsum(counts) - counts, counts)
    span = int(flat.max()) + 1
    owner, begin = np.zeros(span, np.int64), np.full(span, _NOWHERE)
    owner[flat], begin[flat] = row, rank * PAGE
    table = np.zeros((rows, counts.max()), np.int64)
    table[row, rank] = flat
    page = table[np.arange(len(held)), at // PAGE]
    return _plan(pages, (page, at % PAGE), None, owner, table, (at[owner] - begin)[:, None])


def prefill_plan(pages: Pages, begin: int, end: int, held: Sequence[int], queries: int) -> Plan:
    """The tokens of one row at positions `begin` to `end`; tokens up to `queries` only fill up."""
    count = -(-end // PAGE)
    at, read = np.arange(begin, end), np.asarray(held[:count])
    seen = np.concatenate([at, np.full(queries - len(at), begin)])
    before = seen[None] - np.arange(count)[:, None] * PAGE
    owner, table = np.zeros(count, np.int64), np.arange(count)[None]
    return _plan(pages, (read[at // PAGE], at % PAGE), read, owner, table, before)


def _plan(
    pages: Pages,
    written: tuple[Integers, Integers],
    read: Integers | None,
    owner: Integers,
    table: Integers,
    seen: Integers,
) -> Plan:
    """`seen`: last place in each page that each token may look at, [P, Q]."""
    page, place, whose, which, last = (
        torch.from_numpy(array).to(pages.device) for array in (*written, owner, table, seen)
    )
    visible = torch.arange(PAGE, device=pages.device) <= last[:, None, None, :, None]
    bias = torch.zeros(visible.shape, device=pages.device).masked_fill_(~visible, -torch.inf)
    where = None if read is None else torch.from_numpy(read).to(pages.device)
    return Plan(pages, (page, place), where, whose, which, bias, len(table))


def attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    plan: Plan | None = None,
    scaling: float | None = None,
    softcap: float | None = None,
    **rest: Any,
) -> tuple[Tensor, None]:
    """Attention as transformers calls it: [1, heads, T, head size] in, [1, T, heads, head size] out.

    Where the pass has no plan, it is PyTorch's own.

    Raises:
        ValueError: the model caps its scores.
    """
    if plan is None:
        outcome: tuple[Tensor, None] = sdpa_attention_forward(
            module, query, key, value, attention_mask, scaling=scaling, softcap=softcap, **rest
        )
        return outcome
    if softcap is not None:
        raise ValueError("its attention caps its scores")
    _, heads, tokens, size = query.shape
    groups, layer = key.shape[1], int(module.layer_idx)  # type: ignore[arg-type]
    keys, values = plan.pages.keys[layer], plan.pages.values[layer]
    kept = len(plan.written[0])
    keys[plan.written[0], :, plan.written[1]] = key[0, :, :kept].transpose(0, 1)
    values[plan.written[0], :, plan.written[1]] = value[0, :, :kept].transpose(0, 1)
    if plan.read is None:
        keys, values = keys[: len(plan.owner)], values[: len(plan.owner)]
    else:
        keys, values = keys.index_select(0, plan.read), values.index_select(0, plan.read)
    scaled = query[0] * (size**-0.5 if scaling is None else scaling)
    if plan.rows == 1:
        rows = scaled.reshape(1, groups, heads // groups, tokens, size)
        return _over_pages(rows, keys, values, plan).reshape(1, heads, tokens, size).transpose(1, 2), None
    rows = scaled.transpose(0, 1).reshape(tokens, groups, heads // groups, 1, size)
    return _over_pages(rows, keys, values, plan).reshape(1, tokens, heads, size), None


def _over_pages(query: Tensor, keys: Tensor, values: Tensor, plan: Plan) -> Tensor:
    """[R, key heads, group, Q, head size] over pages [P, key heads, PAGE, head size]; the first shape comes back."""
    shape = (len(keys), *query.shape[1:4])

    def of_row(parts: Tensor) -> Tensor:
        """[P, ...] to [R, most pages, ...]"""
        return parts.index_select(0, plan.table.flatten()).view(*plan.table.shape, *parts.shape[1:])

    asked = query.index_select(0, plan.owner).flatten(2, 3).flatten(0, 1)
    scores = torch.bmm(asked, keys.flatten(0, 1).transpose(1, 2)).float().view(*shape, PAGE).add_(plan.bias)
    peak = of_row(scores.amax(-1)).amax(1)
    weights = scores.sub_(peak.index_select(0, plan.owner).unsqueeze(-1)).exp_()
    total = of_row(weights.sum(-1)).sum(1)
    flat = weights.view(len(asked), -1, PAGE).to(values.dtype)
    mixed = torch.bmm(flat, values.flatten(0, 1)).float().view(*shape, -1)
    return (of_row(mixed).sum(1) / total.unsqueeze(-1)).to(query.dtype)


def register() -> None:
    """Make `NAME` known to transformers; masks of passes without a plan are those of its "sdpa"."""
    AttentionInterface.register(NAME, attend)
    AttentionMaskInterface.register(NAME, sdpa_mask)
