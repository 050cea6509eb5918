"""Claims about attention whose products have not the same bits in every batch: it is found out and mended."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tts_bench.engines.hf.decoder import Reading
from tts_bench.engines.hf.engine import HfEngine


def splitting(monkeypatch: pytest.MonkeyPatch, *dtypes: torch.dtype) -> None:
    """A library that halves one sum of a large batch between two threads, as oneDNN does where it emulates bfloat16."""
    whole = torch.bmm

    def split(left: Tensor, right: Tensor) -> Tensor:
        product = whole(left, right)
        if left.dtype in dtypes and len(left) > 10:
            at, half = len(left) // 2, left.shape[-1] // 2
            one, other = (
                left[at, :, part].float() @ right[at, part].float() for part in (slice(half), slice(half, None))
            )
            product[at] = (one + other).to(left.dtype)
        return product

    monkeypatch.setattr(torch, "bmm", split)


def test_attention_that_depends_on_the_batch_is_computed_in_float32_and_said_to_be(
    tiny: Callable[..., Path], started: Callable[..., HfEngine], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TTS_BENCH_CACHE", str(tmp_path))
    folder = tiny()
    plain = started(folder, dtype="bfloat16", max_num_seqs=16).info
    splitting(monkeypatch, torch.bfloat16)
    for _ in range(2):  # by the self-test, then by its kept proof
        info = started(folder, dtype="bfloat16", max_num_seqs=16, kept_proof=True).info
        assert info.exact, info.exact_note
        assert str(info.identity["arithmetic"]).endswith("attention in float32")
        assert info.identity == {**plain.identity, "arithmetic": info.identity["arithmetic"]}


def test_attention_that_depends_on_the_batch_in_float32_too_is_not_exact(
    tiny: Callable[..., Path], started: Callable[..., HfEngine], monkeypatch: pytest.MonkeyPatch
) -> None:
    splitting(monkeypatch, torch.bfloat16, torch.float32)
    for dtype in ("bfloat16", "float32"):
        info = started(tiny(), dtype=dtype, max_num_seqs=16).info
        assert not info.exact
        assert info.exact_note.startswith("attention of ")
        assert "not bit-identical" in info.exact_note


def test_attention_in_float32_gives_what_attention_in_bfloat16_gives_but_for_rounding(
    tiny: Callable[..., Path], started: Callable[..., HfEngine]
) -> None:
    decoder = started(tiny(), dtype="bfloat16", exact=False)._decoder
    found = []
    for wide in (False, True):
        decoder.multiply(decoder.products._replace(wide=wide))
        decoder.pages.resize(2)
        decoder.pages.zero([1])
        with torch.inference_mode():
            found.append(torch.from_numpy(decoder.prefill([Reading(list(range(20)), [1])])))
    narrow, wide_logits = found
    assert 0 < (narrow - wide_logits).abs().max() <= 0.05 * narrow.abs().max()
