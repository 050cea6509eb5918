"""Weights and choices computed from scores, as pure functions. Samples without an answer have no weight and no rank."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, fsum, log

from tts_bench.strategies.sampling import known

Said = Sequence[str | None]  # extracted answers, in the order of the samples


def best(values: Sequence[float], said: Said) -> int:
    """Index of the highest value that has an answer (ties: the first); 0 if there is no answer at all."""
    return next(iter(ranked(values, said)), 0)


def ranked(values: Sequence[float], said: Said) -> list[int]:
    """Indices of samples with an answer, the highest value first; ties keep sample order."""
    return sorted((index for index, each in enumerate(said) if each is not None), key=lambda index: -values[index])


def own(values: Sequence[float], said: Said) -> list[float]:
    """The values themselves as weights."""
    return [0.0 if each is None else value for value, each in zip(values, said, strict=True)]


def borda(values: Sequence[float], said: Said, power: float) -> list[float]:
    """(n - r + 1)^power for the r-th of n. Divided by n^power if they would not be exact otherwise."""
    order, weights = ranked(values, said), [0.0] * len(said)
    exact = power < 53 and power == int(power) and len(order) ** int(power) < 2**53  # a huge power is never computed
    for place, index in enumerate(order):
        left = len(order) - place
        weights[index] = float(left ** int(power)) if exact else (left / len(order)) ** power
    return weights


def softmax(values: Sequence[float], said: Said, temperature: float) -> list[float]:
    """exp(value / temperature), divided by the largest of them: a softmax up to a factor, which no vote depends on."""
    top = max((value for value, each in zip(values, said, strict=True) if each is not None), default=0.0)
    return own([exp(min(0.0, (value - top) / temperature)) for value in values], said)


def of_frequent(values: Sequence[float], said: Said, alpha: float) -> int:
    """Index of the best sample of the answer with the highest mean value, among those with a share of `alpha`.

    If no answer has that share, all are considered; ties go to the answer seen first.
    """
    voters: dict[str, list[int]] = {}
    for index, each in enumerate(said):
        if each is not None:
            voters.setdefault(each, []).append(index)
    if not voters:
        return 0
    total = sum(map(len, voters.values()))
    frequent = [own for own in voters.values() if len(own) / total >= alpha] or list(voters.values())
    winners = max(frequent, key=lambda own: sum(values[index] for index in own) / len(own))
    return max(winners, key=values.__getitem__)


def self_certainty(top_means: Sequence[float], k: int) -> float:
    """Mean over tokens of -(mean of the k largest log-probabilities) - log k; 0 if there are no tokens."""
    told = known(top_means)
    return -fsum(told) / len(told) - log(k) if told else 0.0


def picsar(logprobs: Sequence[float], answer: int, *, normalized: bool) -> float:
    """log p(reasoning) + log p(answer), where the last `answer` tokens are the answer.

    `normalized`: the first term is divided by the number of its tokens.
    """
    split = len(logprobs) - answer
    thought, said = known(logprobs[:split]), known(logprobs[split:])
    return fsum(thought) / (len(thought) if normalized and thought else 1) + fsum(said)
