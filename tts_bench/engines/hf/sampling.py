"""One token from one row of logits and one uniform number: a pure function, so neighbours cannot matter."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tts_bench.engines.base import Sampling

Floats = NDArray[np.floating]
Doubles = NDArray[np.float64]


def draw(logits: Floats, sampling: Sampling, u: float) -> int:
    """The token id that the uniform number `u` in [0, 1) picks from `logits` (one value for each token id).

    Temperature 0 is the arg max. Otherwise the inverse of the cumulative distribution, in the order of token ids and
    in float64. Ties are broken in favour of the lower id. A token of probability zero is never drawn.

    Raises:
        ValueError: the logits hold NaN or +inf, or all are -inf.
    """
    best = int(np.argmax(logits))  # NaN, where there is one, is what argmax finds
    peak = float(logits[best])
    if not np.isfinite(peak):
        raise ValueError(f"the model's logits are not finite (largest: {peak})")
    if sampling.temperature == 0 or sampling.top_k == 1:
        return best
    ids = _largest(logits, sampling.top_k) if 0 < sampling.top_k < len(logits) else None
    with np.errstate(over="ignore", under="ignore"):
        weights = np.exp(((logits if ids is None else logits[ids]).astype(np.float64) - peak) / sampling.temperature)
    if sampling.top_p < 1:
        weights = _nucleus(weights, sampling.top_p)
    weights[weights < sampling.min_p] = 0  # the largest weight is 1
    cumulative = np.cumsum(weights)
    place = np.searchsorted(cumulative, u * cumulative[-1], side="right")
    place = min(place, np.searchsorted(cumulative, cumulative[-1]))  # u * total may round up to the total itself
    return int(place if ids is None else ids[place])


def _largest(logits: Floats, count: int) -> NDArray[np.intp]:
    """Ascending ids of the `count` largest logits."""
    threshold = np.partition(logits, len(logits) - count)[len(logits) - count]
    above = np.flatnonzero(logits > threshold)
    ties = np.flatnonzero(logits == threshold)[: count - len(above)]
    return np.sort(np.concatenate([above, ties]))


def _nucleus(weights: Doubles, top_p: float) -> Doubles:
    """The weights of the fewest most probable tokens that hold at least `top_p` of the whole; 0 for the others."""
    total = weights.sum()
    # Tokens at or below this weight hold at most 1 - top_p together, so the nucleus lies in the rest: little to sort.
    candidates = np.flatnonzero(weights > (1 - top_p) * total / len(weights))
    ranked = candidates[np.argsort(-weights[candidates], kind="stable")]
    nucleus = ranked[: np.searchsorted(np.cumsum(weights[ranked]), top_p * total) + 1]
    kept = np.zeros_like(weights)
    kept[nucleus] = weights[nucleus]
    return kept
