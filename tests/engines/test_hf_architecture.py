"""Claims about the check that a model works over pages: what is computed wrongly is refused, rounding is not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tts_bench.engines.hf.decoder import Decoder, Reading
from tts_bench.engines.hf.engine import HfEngine
from tts_bench.errors import UserError

Tiny = Callable[..., Path]
Started = Callable[..., HfEngine]
Floats = NDArray[np.float32]


def test_a_position_that_is_off_by_one_is_refused(
    tiny: Tiny, started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = Decoder.step

    def late(self: Decoder, tokens: Sequence[int], positions: Sequence[int], pages: Sequence[Sequence[int]]) -> Floats:
        return step(self, tokens, [position + 1 for position in positions], pages)

    monkeypatch.setattr(Decoder, "step", late)
    with pytest.raises(UserError, match="decoding with the cache gives different logits than one forward pass"):
        started(tiny())


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_prompt_that_is_read_wrongly_is_refused(
    tiny: Tiny, started: Started, monkeypatch: pytest.MonkeyPatch, dtype: str
) -> None:
    read = Decoder.prefill

    def wrongly(self: Decoder, readings: Sequence[Reading]) -> Floats:
        return read(self, [reading._replace(prompt=[reading.prompt[0]] * len(reading.prompt)) for reading in readings])

    monkeypatch.setattr(Decoder, "prefill", wrongly)
    with pytest.raises(UserError, match="decoding with the cache gives different logits than one forward pass"):
        started(tiny(), dtype=dtype)


@pytest.mark.parametrize(("share", "dtype"), [(1e-4, "float32"), (0.2, "bfloat16")])
def test_rounding_of_the_size_that_is_seen_in_real_models_is_not(
    tiny: Tiny, started: Started, monkeypatch: pytest.MonkeyPatch, share: float, dtype: str
) -> None:
    plain, chance = Decoder.plain, np.random.default_rng(0)

    def rounded(self: Decoder, tokens: Sequence[int]) -> Floats:
        logits = plain(self, tokens)
        noise: Floats = share * logits.std() * chance.standard_normal(logits.shape).astype(np.float32)
        return logits + noise

    monkeypatch.setattr(Decoder, "plain", rounded)
    assert started(tiny(), dtype=dtype).info.identity["dtype"] == dtype
