"""Claims about options that count: a mistyped number is refused before anything runs."""

from __future__ import annotations

from dataclasses import fields
from typing import get_type_hints

import pytest

from tts_bench import presets, registry
from tts_bench.errors import UserError
from tts_bench.strategies.sampling import MOST

COUNTS = {"samples", "n", "m", "k", "cap", "rounds", "width", "population", "loops", "tries", "warmup", "extensions"}
WEIGHTS = {"self-certainty:k="}  # of Borda's votes
OPTIONS = {
    f"{name}:{field.name}="
    for name in presets.groups()[presets.SHELF]
    for field in fields(type(registry.build(name).strategy))  # type: ignore[arg-type]
    if field.name in COUNTS and get_type_hints(type(registry.build(name).strategy))[field.name] is int
} - WEIGHTS


@pytest.mark.parametrize("option", sorted(OPTIONS))
def test_a_strategy_takes_no_number_of_generations_that_would_fill_the_memory(option: str) -> None:
    with pytest.raises(UserError, match=f"is {MOST + 1}; a problem may have 10,000 generations"):
        registry.build(f"{option}{MOST + 1}")


def test_ten_thousand_generations_are_allowed_and_counts_are_found() -> None:
    assert registry.build(f"best-of-n:samples={MOST}").strategy
    assert len(OPTIONS) > 30
