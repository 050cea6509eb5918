"""Tokens from a batch of logits and uniform numbers, on the device where the logits are.

The same draws as `tts_bench.engines.hf.sampling`, so that engines with equal logits give equal text; what differs is
where the work is done.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from tts_bench.engine import Sampling

_CHUNK = 2**19  # weights worked out at once on a processor: they stay in its cache


def draw(logits: Tensor, samplings: Sequence[Sampling], uniforms: Sequence[float]) -> Tensor:
    """The token ids [rows] that `uniforms[i]` in [0, 1) picks from `logits[i]` (shape [rows, vocabulary]).

    Temperature 0 is the arg max. Otherwise the inverse of the cumulative distribution under `samplings[i]`, in the
    order of token ids and in float64. Ties are broken in favour of the lower id. -1 for a row that holds NaN or +inf,
    or -inf alone.
    """
    logits = _biased(logits, samplings)
    peaks, tokens = logits.max(dim=1)
    alike: dict[Sampling, list[int]] = {}
    for row, sampling in enumerate(samplings):
        if sampling.temperature != 0 and sampling.top_k != 1:
            alike.setdefault(sampling, []).append(row)
    size = max(1, _CHUNK // logits.shape[1]) if logits.device.type == "cpu" else len(samplings)
    for sampling, rows in alike.items():
        for part in (rows[start : start + size] for start in range(0, len(rows), size)):
            in_a_row = part[-1] - part[0] + 1 == len(part)  # the usual case: nothing to gather
            some = slice(part[0], part[-1] + 1) if in_a_row else torch.tensor(part, device=logits.device)
            numbers = torch.tensor([uniforms[row] for row in part], dtype=torch.float64, device=logits.device)
            tokens[some] = _draw(logits[some], sampling, peaks[some], numbers)
    return torch.where(peaks.isfinite(), tokens, -1)


def _biased(logits: Tensor, samplings: Sequence[Sampling]) -> Tensor:
    """The logits with what each row's sampling adds; -inf alone where it names a token that there is not."""
    rows = [row for row, sampling in enumerate(samplings) if sampling.bias]
    if not rows:
        return logits
    logits = logits.clone()
    for row in rows:
        ids, added = zip(*samplings[row].bias, strict=True)
        if min(ids) < 0 or max(ids) >= logits.shape[1]:
            logits[row] = -torch.inf
        else:
            logits[row, torch.tensor(ids, device=logits.device)] += torch.tensor(added, device=logits.device)
    return logits


def _draw(logits: Tensor, sampling: Sampling, peaks: Tensor, uniforms: Tensor) -> Tensor:
    ids = None
    if 0 < sampling.top_k < logits.shape[1]:
        ids = _top(logits, sampling.top_k)
        logits = logits.gather(1, ids)
    weights = logits.double().sub_(peaks.double()[:, None]).div_(sampling.temperature).exp_()
    if sampling.top_p < 1:
        weights = _nucleus(weights, sampling.top_p)
    if sampling.min_p:
        weights.masked_fill_(weights < sampling.min_p, 0)  # the largest weight is 1
    cumulative = weights.cumsum_(dim=1)
    total = cumulative[:, -1:].clone()
    places = torch.searchsorted(cumulative, uniforms[:, None] * total, right=True)
    # u times the total may round up to the total itself.
    places = places.minimum(torch.searchsorted(cumulative, total))
    return (places if ids is None else ids.gather(1, places))[:, 0]


def _top(logits: Tensor, count: int) -> Tensor:
    """Ascending ids [rows, count] of the `count` largest logits of each row; of equal ones the first."""
    values, ids = logits.topk(count, dim=1)
    smallest = values[:, -1:]
    # topk takes any of equal ones. Asking an accelerator whether there are some takes longer than seeing to it.
    if logits.device.type != "cpu" or (logits >= smallest).sum(dim=1).max() > count:
        ids = _largest(logits, smallest, count).byte().topk(count, dim=1).indices
    return ids.sort(dim=1).values


def _largest(values: Tensor, smallest: Tensor, count: Tensor | int) -> Tensor:
    """Mask of the `count` largest values of each row, of which `smallest` is the last; of equal ones the first."""
    above, ties = values > smallest, values == smallest
    wanted = count - above.sum(dim=1, keepdim=True)
    return above | (ties & (ties.cumsum(dim=1) <= wanted))


def _nucleus(weights: Tensor, top_p: float) -> Tensor:
    """The weights of the fewest most probable tokens that hold at least `top_p` of the whole; 0 for the others."""
    total, size = weights.sum(dim=1, keepdim=True), weights.shape[1]
    if weights.device.type == "cpu":
        # Tokens at or below this weight hold at most 1 - top_p together, so the nucleus lies in the rest: little to
        # sort. An accelerator sorts everything in less time than it takes to ask it how much there is.
        size = int((weights > (1 - top_p) * total / size).sum(dim=1).max().clamp(1))
    ranked = weights.topk(size, dim=1).values
    before = torch.searchsorted(ranked.cumsum(dim=1), top_p * total).clamp(max=size - 1)
    return weights.masked_fill(~_largest(weights, ranked.gather(1, before), before + 1), 0)
