"""Majority vote and pass at every k, exactly, from one pool of samples: the expectation over all subsets of size k."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import comb

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def majority_at_k(ballots: Sequence[str | None], scores: Mapping[str | None, float]) -> Floats:
    """Expected score of a vote of k samples, for k = 1 to n: shape (n,), entry k - 1.

    The expectation is over all subsets of size k of the pool `ballots` (self-consistency, arXiv 2203.11171, without
    the luck of which samples came first). Tied winners share the win: a subset in which m answers are the most
    frequent counts 1/m for each. `None`, no answer, wins only where the subset holds nothing else. `scores` gives each
    answer's score; an answer that is not there scores 0.

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
    expected = np.zeros(size)
    for place, (count, score) in enumerate(answers):
        if score:
            others = tuple(other for at, (other, _) in enumerate(answers) if at != place)
            expected += score * _wins(count, others, silent)
    if unanswered:
        expected += unanswered * np.array([comb(silent, k) / comb(size, k) for k in range(1, size + 1)])
    expected.setflags(write=False)
    return expected


@lru_cache(maxsize=1 << 16)
def _wins(count: int, others: tuple[int, ...], silent: int) -> Floats:
    """Chance that an answer with `count` ballots wins, for each k from 1.

    A dynamic programme over the other answers, kept as a polynomial in x whose coefficient at x**k counts subsets of
    size k. With t ballots for the winner no other may have more, and each that has t as well is marked by a factor y:
    since the integral of y**m over 0 to 1 is 1 / (m + 1), integrating over y makes tied winners share. The quadrature
    is exact: no polynomial is of a higher degree in y than the number of other answers.
    """
    n = count + sum(others) + silent
    nodes, weights = np.polynomial.legendre.leggauss(len(others) // 2 + 1)
    nodes, weights = (nodes + 1) / 2, weights / 2
    ways = np.zeros(n + 1)
    for t in range(1, count + 1):
        subsets = np.repeat(_binomials(silent)[None], len(nodes), axis=0)  # one row for each node
        for other in others:
            choices = np.repeat(_binomials(other)[None, : t + 1], len(nodes), axis=0)
            if other >= t:
                choices[:, t] *= nodes
            subsets = _product(subsets, choices)
        total = weights @ subsets
        ways[t : t + len(total)] += comb(count, t) * total
    return ways[1:] / _binomials(n)[1:]


def _binomials(n: int) -> Floats:
    return np.array([float(comb(n, k)) for k in range(n + 1)])


def _product(left: Floats, right: Floats) -> Floats:
    """Row by row, the product of two polynomials."""
    product = np.zeros((len(left), left.shape[1] + right.shape[1] - 1))
    for power in range(right.shape[1]):
        product[:, power : power + left.shape[1]] += left * right[:, power : power + 1]
    return product


def pass_at_k(n: int, right: int) -> Floats:
    """Chance that at least one of k samples is right, for k = 1 to `n`, given `right` right ones in a pool of `n`.

    The unbiased estimate 1 - C(n - c, k) / C(n, k) of Chen et al. (arXiv 2107.03374, equation 1). Shape (n,).

    Raises:
        ValueError: not 0 <= right <= n, or n is 0.
    """
    if not 0 <= right <= n or n == 0:
        raise ValueError(f"{right} right samples of {n} make no pool")
    return np.array([1 - comb(n - right, k) / comb(n, k) for k in range(1, n + 1)])
