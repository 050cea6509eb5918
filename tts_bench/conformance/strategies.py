"""The claims that a strategy has to keep, in the order in which they are tried."""

from __future__ import annotations

from collections.abc import Iterator

from tts_bench import registry
from tts_bench.api import Strategy
from tts_bench.conformance import claims
from tts_bench.conformance.cancellation import cancellation
from tts_bench.conformance.kit import Result, claims_of, tried
from tts_bench.conformance.values import with_tokens

CLAIMS = claims_of(
    claims.answers,
    claims.determinism,
    claims.options,
    claims.rungs,
    claims.cost,
    claims.common_random_numbers,
    claims.no_gold,
    claims.door,
    claims.budget,
    cancellation,
    claims.errors,
    claims.concurrency,
    claims.chunk_size,
)
_FIRST = CLAIMS[:2]  # without them the others would compare what cannot be compared


def results(subject: str | Strategy) -> Iterator[Result[Strategy]]:
    """Try every claim on a strategy, or on what `name:key=value,...` or `./file.py:Class:key=value,...` speaks of.

    Where it does not solve problems, or not twice alike, nothing more can be said of it.

    Raises:
        UserError: as `registry.build`.
    """
    yield from tried(CLAIMS, built(subject), _FIRST)


def built(subject: str | Strategy) -> Strategy:
    """The strategy itself, with made-up token rows where it asks for some."""
    return with_tokens(registry.build(subject).strategy if isinstance(subject, str) else subject)
