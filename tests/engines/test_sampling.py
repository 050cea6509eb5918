from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tts_bench.engine import Sampling
from tts_bench.engines.hf.sampling import draw
from tts_bench.streams import uniform

LOGITS = st.lists(st.floats(-30, 30, width=32), min_size=1, max_size=60).map(lambda row: np.array(row, np.float32))
UNIFORMS = st.one_of(st.floats(0, 1, exclude_max=True), st.sampled_from([0.0, 5e-324, 1 - 2.0**-53]))
SAMPLINGS = st.builds(
    Sampling,
    temperature=st.sampled_from([0.01, 0.5, 1.0, 2.0]),
    top_k=st.sampled_from([0, 1, 2, 5, 1000]),
    top_p=st.sampled_from([1e-9, 0.3, 0.9, 0.999, 1.0]),
    min_p=st.sampled_from([0.0, 0.05, 0.5, 0.99]),
)


def one(logits: np.ndarray, sampling: Sampling, u: float) -> int:
    [token] = draw(logits[None], [sampling], [u])
    assert isinstance(token, int)
    return token


def reference(logits: np.ndarray, sampling: Sampling) -> dict[int, float]:
    """The distribution, written from its definition in plain Python: probability of each token that may be drawn."""
    scaled = [float(value) / sampling.temperature for value in logits]
    ranked = sorted(range(len(scaled)), key=lambda token: (-scaled[token], token))
    ranked = ranked[: sampling.top_k or None]

    def normalised(tokens: list[int]) -> dict[int, float]:
        weights = {token: math.exp(scaled[token] - scaled[ranked[0]]) for token in tokens}
        return {token: weight / math.fsum(weights.values()) for token, weight in weights.items()}

    whole, kept, mass = normalised(ranked), [], 0.0
    for token in sorted(ranked, key=lambda token: (-whole[token], token)):  # logits that differ by nothing are a tie
        kept.append(token)
        mass += whole[token]
        if sampling.top_p < 1 and mass >= sampling.top_p:
            break
    nucleus = normalised(kept)
    least = sampling.min_p * max(nucleus.values())
    return normalised([token for token in kept if nucleus[token] >= least])


@pytest.mark.parametrize(
    "sampling",
    [
        Sampling(),
        Sampling(temperature=0.6, top_p=0.95, top_k=20),
        Sampling(temperature=1.5, top_k=7),
        Sampling(temperature=0.8, top_p=0.7),
        Sampling(temperature=1.0, min_p=0.1),
        Sampling(temperature=1.3, top_k=30, top_p=0.9, min_p=0.05),
    ],
)
def test_frequencies_are_those_of_the_reference_distribution(sampling: Sampling) -> None:
    logits = np.random.default_rng(0).normal(0, 2, 50).astype(np.float32)
    wanted = reference(logits, sampling)
    drawn = [one(logits, sampling, uniform("frequencies", index)) for index in range(20_000)]
    assert set(drawn) <= set(wanted)
    often = [token for token, probability in wanted.items() if probability * len(drawn) >= 5]
    observed = [drawn.count(token) for token in often]
    expected = [wanted[token] * len(drawn) for token in often]
    if rest := len(drawn) - sum(observed):
        observed, expected = [*observed, rest], [*expected, len(drawn) - sum(expected)]
    assert len(observed) == 1 or stats.chisquare(observed, expected, sum_check=False).pvalue > 0.001


@given(LOGITS, SAMPLINGS, UNIFORMS)
def test_only_tokens_of_the_support_are_drawn(logits: np.ndarray, sampling: Sampling, u: float) -> None:
    # A token at the very edge may fall on either side by rounding: widen the reference by a hair.
    edge = Sampling(
        temperature=sampling.temperature,
        top_k=sampling.top_k,
        top_p=min(1.0, sampling.top_p * (1 + 1e-12)),
        min_p=sampling.min_p * (1 - 1e-12),
    )
    assert one(logits, sampling, u) in reference(logits, edge)


@given(LOGITS, UNIFORMS)
def test_top_k_of_one_and_temperature_zero_are_greedy(logits: np.ndarray, u: float) -> None:
    greedy = int(np.argmax(logits))
    assert one(logits, Sampling(temperature=0), u) == greedy
    assert one(logits, Sampling(top_k=1), u) == greedy
    assert one(logits, Sampling(temperature=0.7, top_k=1, top_p=0.5, min_p=0.5), u) == greedy


@given(LOGITS, UNIFORMS, st.data())
def test_tokens_of_probability_zero_are_never_drawn(logits: np.ndarray, u: float, data: st.DataObject) -> None:
    banned = data.draw(st.lists(st.integers(0, len(logits) - 1), max_size=len(logits) - 1, unique=True))
    logits[banned] = -np.inf
    if len(banned) < len(logits):
        assert one(logits, Sampling(), u) not in banned


@given(LOGITS, st.lists(UNIFORMS, min_size=2, max_size=2))
def test_a_larger_uniform_number_never_gives_a_smaller_id(logits: np.ndarray, pair: list[float]) -> None:
    low, high = sorted(pair)
    assert one(logits, Sampling(), low) <= one(logits, Sampling(), high)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_logits_that_are_not_finite_are_refused(bad: float) -> None:
    rows = np.array([[0.0, 3.0, 1.0], [0.0, bad, 1.0], [-np.inf] * 3], np.float32)
    first, *rest = draw(rows, [Sampling()] * 3, [0.5] * 3)
    assert first == 1
    for refused in rest:
        assert isinstance(refused, ValueError)
        assert "not finite" in str(refused)


@given(
    st.integers(1, 60).flatmap(
        lambda width: st.lists(
            st.lists(st.floats(-30, 30, width=32), min_size=width, max_size=width), min_size=1, max_size=20
        )
    ),
    st.data(),
)
def test_a_row_draws_what_it_draws_alone(rows: list[list[float]], data: st.DataObject) -> None:
    logits = np.array(rows, np.float32)
    of = data.draw(
        st.lists(
            st.sampled_from(data.draw(st.lists(SAMPLINGS, min_size=1, max_size=3))),
            min_size=len(rows),
            max_size=len(rows),
        )
    )
    us = data.draw(st.lists(UNIFORMS, min_size=len(rows), max_size=len(rows)))
    assert draw(logits, of, us) == [one(row, sampling, u) for row, sampling, u in zip(logits, of, us, strict=True)]


def test_wide_rows_draw_what_they_draw_alone() -> None:
    logits = np.random.default_rng(1).normal(0, 4, (33, 32_003)).astype(np.float32)  # more than one chunk
    for sampling in (Sampling(), Sampling(0.7, 20, 0.8)):
        us = [uniform("wide", row) for row in range(33)]
        assert draw(logits, [sampling] * 33, us) == [one(row, sampling, u) for row, u in zip(logits, us, strict=True)]
