"""Statistics of rules that stop a vote. Arithmetic is exact: a rule gives the same result on every machine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from fractions import Fraction
from math import comb, fsum, log2


def ballots(said: Iterable[str | None]) -> list[int]:
    """Votes of each answer, most first. Missing answers do not vote."""
    return sorted(Counter(each for each in said if each is not None).values(), reverse=True)


def beta(first: int, second: int) -> Fraction:
    """The probability that a Beta(first + 1, second + 1) variable is above one half."""
    tosses = first + second + 1
    return Fraction(sum(comb(tosses, heads) for heads in range(first + 1)), 2**tosses)


def dirichlet(votes: Sequence[int]) -> Fraction:
    """The probability that the first share is the largest of a Dirichlet variable with parameters votes + 1.

    The shares are proportional to Gamma variables X of those shapes. P(X <= x) is 1 - exp(-x) s(x), where s is the sum
    of x^k / k! up to the number of votes; the product over all others is multiplied out by powers of exp(-x), and each
    term is integrated against the density of the first. A polynomial is stored as coefficients of x^k / k!.
    """
    first, *others = votes
    terms = [[1]]  # indexed by the power of exp(-x)
    for votes_of_other in others:
        terms.append([0])
        for power in range(len(terms) - 1, 0, -1):
            terms[power] = _minus(terms[power], _times(terms[power - 1], votes_of_other))
    return sum(
        (
            Fraction(number * comb(first + degree, degree), (power + 1) ** (first + degree + 1))
            for power, polynomial in enumerate(terms)
            for degree, number in enumerate(polynomial)
        ),
        Fraction(),
    )


def _times(polynomial: Sequence[int], top: int) -> list[int]:
    """Times the sum of x^k / k! for k up to `top`."""
    made = [0] * (len(polynomial) + top)
    for degree, number in enumerate(polynomial):
        for more in range(top + 1):
            made[degree + more] += number * comb(degree + more, more)
    return made


def _minus(one: Sequence[int], other: Sequence[int]) -> list[int]:
    length = max(len(one), len(other))
    left, right = ([*each, *[0] * (length - len(each))] for each in (one, other))
    return [mine - theirs for mine, theirs in zip(left, right, strict=True)]


def entropy(votes: Sequence[int]) -> float:
    """Entropy of the shares divided by the logarithm of their number, as in the published code: from 0 to 1.

    A single answer is paired with a second one that has one vote, so that certainty takes several votes.
    """
    counted = list(votes) if len(votes) > 1 else [*votes, 1]
    total = sum(counted)
    return -fsum(each / total * log2(each / total) for each in counted) / log2(len(counted))


def evidence(hits: int, misses: int) -> Fraction:
    """The mean over bets b from 0 to 1 of (1 + b)^hits (1 - b)^misses: the wealth that fair bets on hits made of 1."""
    bets = hits + misses
    return Fraction(sum(comb(bets + 1, heads) for heads in range(hits + 1)), (bets + 1) * comb(bets, hits))


def against(said: Sequence[str], label: str | None) -> Fraction:
    """Evidence against `label` being the most frequent answer; None: against an answer never seen.

    Before each sample, a bet is placed on the leader of the other answers so far: it wins if the sample is that
    answer, loses if it is `label`, and is void otherwise.
    """
    tally = Counter[str]()
    hits = misses = 0
    for each in said:
        rivals = [other for other in tally if other != label]
        if rivals:
            hits += each == max(rivals, key=tally.__getitem__)
            misses += each == label
        tally[each] += 1
    return evidence(hits, misses)


def certified(said: Iterable[str | None], error: float) -> bool:
    """Whether the evidence against every answer but the leader of the vote reaches 1 / `error`."""
    seen = [each for each in said if each is not None]
    if not seen:
        return False
    [(leader, _)] = Counter(seen).most_common(1)
    others = [each for each in dict.fromkeys(seen) if each != leader]
    return all(against(seen, label) * Fraction(error) >= 1 for label in (*others, None))
