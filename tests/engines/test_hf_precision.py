from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from tests.tiny import make_tiny
from tts_bench.engines.hf import load, precision
from tts_bench.engines.hf.engine import HfEngine

Tiny = Callable[..., Path]
Started = Callable[..., HfEngine]


def test_weights_stored_in_bfloat16_are_computed_in_it_where_that_is_clearly_faster(
    tmp_path: Path, started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    AutoModelForCausalLM.from_pretrained(make_tiny(tmp_path), dtype=torch.bfloat16).save_pretrained(tmp_path)
    for speedup, wanted in ((2.0, "bfloat16"), (1.4, "float32"), (0.0, "float32")):
        monkeypatch.setattr(precision, "speedup", lambda *shape, of=speedup: of)
        assert started(tmp_path).info.identity["dtype"] == wanted
        assert started(tmp_path, dtype="float32").info.identity["dtype"] == "float32"


def test_weights_stored_in_float32_are_computed_in_it_on_a_processor_whatever_is_faster(
    tiny: Tiny, started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "speedup", lambda *shape: 9.0)
    assert started(tiny()).info.identity["dtype"] == "float32"


def test_the_probe_of_a_processor_gives_a_ratio() -> None:
    assert 0 <= precision.speedup(64, 128) < 100


def test_whoever_asks_for_bfloat16_where_a_processor_only_emulates_it_is_told(
    tiny: Tiny, started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "pack", lambda model: False)
    told = "--dtype float32 is several times faster"
    assert told in started(tiny(), dtype="bfloat16", exact=False).info.exact_note
    assert told not in started(tiny(), dtype="float32", exact=False).info.exact_note
