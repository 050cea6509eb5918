"""Majority vote and pass at every k, exactly, from one pool of samples: the expectation over all subsets of size k."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from math import comb, lcm

import numpy as np

from tts_bench.analysis.arrays import Floats


def majority_at_k(ballots: Sequence[str | None], scores: Mapping[str | None, float]) -> Floats:
    """Expected score of a vote of k samples, for k = 1 to n: shape (n,), entry k - 1.

    The expectation is over all subsets of size k of the pool `ballots` (self-consistency, arXiv 2203.11171, without
    the luck of which samples came first). Tied winners share the win: a subset in which m answers are the most
    frequent counts 1/m for each. `None`, no answer, wins only where the subset holds nothing else. `scores` gives each
    answer's score; an answer that is not there scores 0.

    Subsets are counted in whole numbers, so that each entry is the exact expectation, rounded once: an answer that
    always wins has a share of 1, and equal expectations are equal numbers.

    Raises:
        ValueError: the pool is empty.
    """
    if not ballots:
        raise ValueError("a vote needs at least one ballot")
    counts = Counter(ballots)
    silent = counts.pop(None, 0)
    answers = sorted((count, scores.get(answer, 0.0)) for answer, count in counts.items())
    return _expected(tuple(answers), silent, scores.get(None, 0.0))


@lru_cache(maxsize=1 << 16)  # pools of many problems have the same counts and scores
def _expected(answers: tuple[tuple[int, float], ...], silent: int, unanswered: float) -> Floats:
    """The same of answers with their counts and scores, `silent` ballots without an answer and what these score."""
    size = silent + sum(count for count, _ in answers)
    totals = [Fraction(unanswered) * comb(silent, k) for k in range(1, size + 1)]
    for place, (count, score) in enumerate(answers):
        if score:
            others = tuple(other for at, (other, _) in enumerate(answers) if at != place)
            wins, share = _wins(count, others, silent)
            totals = [total + Fraction(score) * won / share for total, won in zip(totals, wins, strict=True)]
    expected = np.array([float(total / comb(size, k)) for k, total in enumerate(totals, 1)])
    expected.setflags(write=False)
    return expected


@lru_cache(maxsize=1 << 16)
def _wins(count: int, others: tuple[int, ...], silent: int) -> tuple[tuple[int, ...], int]:
    """For each k from 1, how many subsets of size k an answer with `count` ballots wins, in parts of one subset; and
    how many parts a subset has.

    With t ballots for the winner no other may have more, and m others that have t as well leave it 1/(m + 1) of the
    subset. Subsets are counted by a polynomial with a term x**k y**m for each kind. Its coefficients are whole numbers
    that stand side by side in one long integer (Kronecker substitution), so that a product of polynomials is a product
    of integers. No coefficient is above 2**n, the number of all subsets.
    """
    n = count + sum(others) + silent
    width = n // 8 + 1  # bytes of a coefficient
    parts = lcm(*range(1, len(others) + 2))
    totals = [0] * (n + 1)
    for t in range(1, count + 1):
        least = [other for other in others if other >= t]
        rest = n - count - sum(least)
        product = _packed([comb(rest, j) for j in range(rest + 1)], width)  # who has fewer than t whatever is drawn
        for other, alike in Counter(least).items():
            fewer, tie = [comb(other, j) for j in range(t)], [0] * (n + 1 + t) + [comb(other, t)]
            product *= (_packed(fewer, width) + _packed(tie, width)) ** alike
        ways = _unpacked(product, width)
        for tied in range(len(least) + 1):
            share = comb(count, t) * (parts // (tied + 1))
            for k, found in enumerate(ways[tied * (n + 1) : tied * (n + 1) + n + 1 - t], t):
                totals[k] += share * found
    return tuple(totals[1:]), parts


def _packed(coefficients: Sequence[int], width: int) -> int:
    """Whole numbers side by side, `width` bytes each, the first one lowest."""
    return int.from_bytes(b"".join(number.to_bytes(width, "little") for number in coefficients), "little")


def _unpacked(packed: int, width: int) -> list[int]:
    data = packed.to_bytes((packed.bit_length() + 7) // 8, "little")
    return [int.from_bytes(data[place : place + width], "little") for place in range(0, len(data), width)]


def pass_at_k(n: int, right: int) -> Floats:
    """Chance that at least one of k samples is right, for k = 1 to `n`, given `right` right ones in a pool of `n`.

    The unbiased estimate 1 - C(n - c, k) / C(n, k) of Chen et al. (arXiv 2107.03374, equation 1). Shape (n,).

    Raises:
        ValueError: not 0 <= right <= n, or n is 0.
    """
    if not 0 <= right <= n or n == 0:
        raise ValueError(f"{right} right samples of {n} make no pool")
    return np.array([1 - comb(n - right, k) / comb(n, k) for k in range(1, n + 1)])
