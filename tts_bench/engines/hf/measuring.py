"""Columns from logits: a pure function of each row by itself, so neighbours cannot matter."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tts_bench.columns import ENTROPY, LOGPROB, top_of

Singles = NDArray[np.float32]

_CHUNK = 2**17  # logits worked out at once: they stay in the processor's cache
_NEVER = np.float32(-200)  # e to the power of this is 0 in float32
_BLOCKS = 4  # times as many blocks as there are numbers to find in them
_SMALLEST = 8  # logits of a block, below which blocks save nothing


def measure(logits: Singles, tokens: Sequence[int], names: Sequence[str]) -> dict[str, list[float]]:
    """Each of the columns `names` for every row of `logits` [rows, vocabulary], from which `tokens[i]` was drawn.

    The row that a token was drawn from is what it is measured by, in float32. A mean of more log-probabilities than
    there are is that of all.
    """
    found: dict[str, list[float]] = {name: [] for name in names}
    size = max(1, _CHUNK // logits.shape[1])
    for start in range(0, len(logits), size):
        rows = logits[start : start + size]
        for name, numbers in zip(names, _measured(rows, tokens[start : start + size], names), strict=True):
            found[name] += numbers.tolist()
    return found


def _measured(logits: Singles, tokens: Sequence[int], names: Sequence[str]) -> list[Singles]:
    peaks = logits.max(axis=1, keepdims=True)
    below = logits - peaks
    weights = np.exp(below) if ENTROPY in names else np.exp(below, out=below)
    total = weights.sum(axis=1)
    logarithm = peaks[:, 0] + np.log(total)  # what is taken off a logit to make it a log-probability
    measured = []
    for name in names:
        if name == LOGPROB:
            measured.append(logits[np.arange(len(tokens)), tokens] - logarithm)
        elif name == ENTROPY:
            np.maximum(below, _NEVER, out=below)  # where a logit is -inf, nothing times it is nothing
            measured.append(np.log(total) - (weights * below).sum(axis=1) / total)
        else:
            measured.append(largest(logits, top_of(name)).mean(axis=1) - logarithm)
    return measured


def largest(logits: Singles, count: int) -> Singles:
    """The `count` largest logits of each row, or all where there are fewer, in descending order."""
    rows, vocabulary = logits.shape
    if count >= vocabulary:
        return -np.sort(-logits, axis=1)
    size = vocabulary // (_BLOCKS * count)
    if size < _SMALLEST:
        return _descending(logits, count)
    # As many as are wanted are at least as large as the last of so many largest maxima of blocks: there are few others.
    maxima = logits[:, : vocabulary // size * size].reshape(rows, -1, size).max(axis=2)
    least = np.partition(maxima, maxima.shape[1] - count, axis=1)[:, -count, None]
    owner, column = np.divmod(np.flatnonzero(logits >= least), vocabulary)
    counts = np.bincount(owner)
    few = np.full((rows, counts.max()), -np.inf, logits.dtype)
    few[np.arange(few.shape[1]) < counts[:, None]] = logits[owner, column]
    return _descending(few, count)


def _descending(logits: Singles, count: int) -> Singles:
    some = np.partition(logits, logits.shape[1] - count, axis=1)[:, -count:]
    return -np.sort(-some, axis=1)
