"""Claims about prompts that are read side by side, and about the forward pass that Llama-shaped decoders have."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.tiny import make_tiny
from tts_bench.engine import Generation, Request, Sampling
from tts_bench.engines.hf.decoder import CHUNK, Decoder, Reading
from tts_bench.engines.hf.engine import HfEngine
from tts_bench.engines.hf.load import load
from tts_bench.engines.hf.pages import PAGE

Started = Callable[..., HfEngine]
Run = Callable[[HfEngine, Sequence[Request]], list[Generation]]
GREEDY = Sampling(temperature=0)
MOST, ROOM = 200, 4  # tokens of a prompt below, and pages for it


@pytest.fixture(scope="module", params=["float32", "bfloat16"])
def decoder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Decoder]:
    folder = make_tiny(tmp_path_factory.mktemp("side"), "qwen2", False)
    engine = load(folder, name="tiny", fingerprint="", device="cpu", dtype=request.param, threads=1, max_num_seqs=4)
    assert engine.info.exact
    engine._decoder.pages.resize(64)
    engine._decoder.pages.zero(range(64))
    yield engine._decoder
    asyncio.run(engine.close())


def prompt_of(number: int, length: int) -> list[int]:
    return [(number * 31 + place * 17) % 250 for place in range(length)]


def held(decoder: Decoder, reading: Reading) -> list[torch.Tensor]:
    """Keys and values of the prompt, token by token."""
    pages, length = list(reading.pages), len(reading.prompt)
    both = (*decoder.pages.keys, *decoder.pages.values)
    return [data[pages].transpose(1, 2).flatten(0, 1)[:length].clone() for data in both]


@settings(max_examples=15, deadline=None)
@given(
    lengths=st.lists(st.integers(2, MOST), min_size=2, max_size=8),
    seed=st.integers(0, 2**16),
    share=st.floats(0.1, 0.9),
)
def test_a_prompt_leaves_the_same_bits_alone_in_two_parts_and_beside_others(
    decoder: Decoder, lengths: list[int], seed: int, share: float
) -> None:
    order = np.random.default_rng(seed).permutation(15)  # pages lie anywhere
    readings = [
        Reading(prompt_of(seed + n, length), [1 + ROOM * int(order[n]) + page for page in range(-(-length // PAGE))])
        for n, length in enumerate(lengths)
    ]
    with torch.inference_mode():
        alone = [(decoder.prefill([reading])[0], held(decoder, reading)) for reading in readings]
        decoder.pages.zero(range(64))
        together = decoder.prefill(readings)
        for reading, (logits, kept), its in zip(readings, alone, together, strict=True):
            assert np.array_equal(logits, its)
            assert all(map(torch.equal, kept, held(decoder, reading)))
        cut = [reading._replace(begin=max(1, int(share * len(reading.prompt)))) for reading in readings]
        begun = [reading._replace(prompt=reading.prompt[: reading.begin], begin=0) for reading in cut]
        decoder.pages.zero(range(64))
        decoder.prefill(begun)
        for logits, (wanted, _) in zip(decoder.prefill(cut), alone, strict=True):
            assert np.array_equal(logits, wanted)


def test_a_prompt_longer_than_two_passes_ends_as_in_one_forward_pass(decoder: Decoder) -> None:
    prompt = prompt_of(3, 2 * CHUNK + 40)
    with torch.inference_mode():
        (found,), wanted = decoder.prefill([Reading(prompt, range(1, 20))]), decoder.plain(prompt)
    assert np.abs(found - wanted).max() < (1e-4 if decoder.dtype == torch.float32 else 0.1) * np.abs(wanted).max()


@pytest.mark.parametrize("size", [16, CHUNK])
def test_a_prompt_that_its_neighbours_change_costs_the_label(
    tiny: Callable[..., Path], started: Started, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    read = Decoder.prefill

    def leaking(self: Decoder, readings: Sequence[Reading]) -> NDArray[np.float32]:
        logits = read(self, readings)
        beside = len(readings) > 1 and sum(len(reading.prompt) for reading in readings) == size
        return logits + np.float32(1e-6 * beside)

    monkeypatch.setattr(Decoder, "prefill", leaking)
    info = started(tiny()).info
    assert not info.exact
    assert f"in a pass of {size} tokens is not bit-identical" in info.exact_note


def test_what_prompts_begin_with_together_is_read_once(tiny: Callable[..., Path], started: Started, run: Run) -> None:
    engine = started(tiny(), max_num_seqs=12)
    header, tails = prompt_of(0, 90), [prompt_of(number, 20) for number in range(1, 7)]
    prompts = [(*header, 200 + number, *tail) for number, tail in enumerate(tails)]
    requests = [Request(prompt, (), 4, str(sample), Sampling()) for prompt in prompts for sample in range(2)]
    together = run(engine, requests)
    assert engine.counts.prefilled == 90 + 6 * 21
    other = started(tiny(), max_num_seqs=1)
    assert together == [run(other, [request])[0] for request in requests]


@pytest.mark.parametrize("architecture", ["llama", "qwen2"])
def test_the_pass_of_our_own_and_that_of_transformers_write_the_same_text(
    tiny: Callable[..., Path], started: Started, run: Run, monkeypatch: pytest.MonkeyPatch, architecture: str
) -> None:
    requests = [Request(tuple(prompt_of(n, 3 + 40 * n)), (), 30, "s", GREEDY) for n in range(5)]
    own = started(tiny(architecture, True))
    assert own._decoder._llama
    monkeypatch.setattr("tts_bench.engines.hf.decoder.is_llama", lambda model: False)
    theirs = started(tiny(architecture, True))
    assert theirs._decoder._llama is None
    assert own.info.exact
    assert theirs.info.exact
    assert run(own, requests) == run(theirs, requests)
