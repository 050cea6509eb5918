"""Adaptive-Consistency keeps what tts-bench relies on, and stops where the paper's criterion says."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from adaptive_consistency import AdaptiveConsistency, lead
from scipy.stats import beta

from tts_bench.testing import CLAIMS, Claim, conform


@pytest.mark.parametrize("claim", CLAIMS, ids=str)
@pytest.mark.parametrize("strategy", [AdaptiveConsistency(), AdaptiveConsistency(5, 0.7, 30)])
def test_it_keeps(strategy: AdaptiveConsistency, claim: Claim) -> None:
    conform(strategy, claim)


@pytest.mark.parametrize("votes", ["a", "aab", "aaab", "aaaabbc", "abcdef", ""])
def test_the_lead_is_the_upper_half_of_a_beta_distribution(votes: str) -> None:
    first, second = sorted(map(votes.count, [*set(votes), " ", " "]), reverse=True)[:2]
    answers = [SimpleNamespace(extracted=vote) for vote in [*votes, None]]
    assert lead(answers) == pytest.approx(beta(first + 1, second + 1).sf(0.5))  # type: ignore[arg-type]
