"""Tokens from logits and uniform numbers: a pure function of each row by itself, so neighbours cannot matter."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tts_bench.engine import Sampling

Floats = NDArray[np.floating]
Doubles = NDArray[np.float64]

_CHUNK = 2**17  # weights worked out at once: they stay in the processor's cache


def draw(logits: Floats, samplings: Sequence[Sampling], uniforms: Sequence[float]) -> list[int | ValueError]:
    """The token id that `uniforms[i]` in [0, 1) picks from `logits[i]` (shape [rows, vocabulary]) under `samplings[i]`.

    Temperature 0 is the arg max. Otherwise the inverse of the cumulative distribution, in the order of token ids and
    in float64. Ties are broken in favour of the lower id. A token of probability zero is never drawn. A row that holds
    NaN or +inf, or -inf alone, gives a ValueError in the place of a token.
    """
    logits, refused = _biased(logits, samplings)
    best = np.argmax(logits, axis=1)  # NaN, where there is one, is what argmax finds
    peaks = logits[np.arange(len(logits)), best].astype(np.float64)
    tokens: list[int | ValueError] = [int(token) for token in best]
    alike: dict[Sampling, list[int]] = {}
    for row, (sampling, peak) in enumerate(zip(samplings, peaks, strict=True)):
        if not np.isfinite(peak):
            tokens[row] = refused.get(row) or ValueError(f"the model's logits are not finite (largest: {peak})")
        elif sampling.temperature != 0 and sampling.top_k != 1:
            alike.setdefault(sampling, []).append(row)
    size = max(1, _CHUNK // logits.shape[1])
    for sampling, rows in alike.items():
        for chunk in (rows[start : start + size] for start in range(0, len(rows), size)):
            drawn = _draw(logits[chunk], sampling, peaks[chunk], [uniforms[row] for row in chunk])
            for row, token in zip(chunk, drawn, strict=True):
                tokens[row] = token
    return tokens


def _biased(logits: Floats, samplings: Sequence[Sampling]) -> tuple[Floats, dict[int, ValueError]]:
    """The logits with what each row's sampling adds, and what is wrong with rows that it makes impossible."""
    rows = [row for row, sampling in enumerate(samplings) if sampling.bias]
    if not rows:
        return logits, {}
    logits, refused = logits.copy(), {}
    for row in rows:
        ids = np.array([token for token, _ in samplings[row].bias])
        if ids.min() < 0 or ids.max() >= logits.shape[1]:
            refused[row] = ValueError(f"the bias names a token outside of the vocabulary of {logits.shape[1]}")
            logits[row] = -np.inf
        else:
            with np.errstate(over="ignore"):  # it is refused
                # Rounded before they are added, as on a device: the same draws wherever the logits are.
                logits[row, ids] += np.array([added for _, added in samplings[row].bias], np.float32)
            if not np.isfinite(logits[row].max()):
                refused[row] = ValueError("the bias leaves no token that may be drawn")
    return logits, refused


def _draw(logits: Floats, sampling: Sampling, peaks: Doubles, uniforms: Sequence[float]) -> list[int]:
    ids = None
    if 0 < sampling.top_k < logits.shape[1]:
        ids = np.stack([_largest(row, sampling.top_k) for row in logits])
        logits = np.take_along_axis(logits, ids, axis=1)
    weights = logits.astype(np.float64)
    weights -= peaks[:, None]
    with np.errstate(over="ignore", under="ignore"):
        weights /= sampling.temperature
        np.exp(weights, out=weights)
    places = [_place(row, sampling, uniform) for row, uniform in zip(weights, uniforms, strict=True)]
    return places if ids is None else [int(its[place]) for its, place in zip(ids, places, strict=True)]


def _place(weights: Doubles, sampling: Sampling, uniform: float) -> int:
    """Where the cumulative weight first passes `uniform` times their sum."""
    kept = None
    if sampling.top_p < 1:
        kept = _nucleus(weights, sampling.top_p)
        weights = weights[kept]
    if sampling.min_p > 0:
        weights[weights < sampling.min_p] = 0  # the largest weight is 1
    cumulative = np.cumsum(weights)
    total = cumulative[-1]
    # u times the total may round up to the total itself: then it is the last token that has any weight.
    below = min(uniform * total, np.nextafter(total, 0))
    place = np.searchsorted(cumulative, below, side="right")
    return int(place if kept is None else kept[place])


def _largest(logits: Floats, count: int) -> NDArray[np.intp]:
    """Ascending ids of the `count` largest logits."""
    threshold = np.partition(logits, len(logits) - count)[len(logits) - count]
    above = np.flatnonzero(logits > threshold)
    ties = np.flatnonzero(logits == threshold)[: count - len(above)]
    return np.sort(np.concatenate([above, ties]))


def _nucleus(weights: Doubles, top_p: float) -> NDArray[np.intp]:
    """Ascending ids of the fewest most probable tokens that hold at least `top_p` of the whole."""
    total = weights.sum()
    # Tokens at or below this weight hold at most 1 - top_p together, so the nucleus lies in the rest: little to sort.
    candidates = np.flatnonzero(weights > (1 - top_p) * total / len(weights))
    ranked = candidates[np.argsort(-weights[candidates], kind="stable")]
    return np.sort(ranked[: np.searchsorted(np.cumsum(weights[ranked]), top_p * total) + 1])
