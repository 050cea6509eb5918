from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from tests.tiny import make_tiny
from tts_bench.engines.hf import packed
from tts_bench.engines.hf.decoder import Decoder
from tts_bench.engines.hf.engine import HfEngine

SCRIPT = Path(__file__).with_name("exactness.py")


Outcomes = dict[str, dict[str, str]]
# SmolLM2 in float32: tests/runs/test_order.py
KINDS = [("tiny", "float32"), ("tiny", "bfloat16"), ("smollm2", "bfloat16")]
TINY = {1: [32, 4, 7, 16], 2: [16]}  # rows of the engines in a process with so many threads
SMOLLM2 = {1: [8], 2: [4]}


@pytest.fixture(scope="module")
def outcomes(smollm2: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], list[Outcomes]]:
    """By model and dtype, what came out in a process of 1 thread and in one of 2: a fresh one for each number, since
    PyTorch reads the environment once, when it is imported.
    """
    tiny = make_tiny(tmp_path_factory.mktemp("exact"), "llama", True)
    found: dict[tuple[str, str], list[Outcomes]] = {kind: [] for kind in KINDS}
    for threads in (1, 2):
        of = {"tiny": (tiny, 48, TINY[threads]), "smollm2": (smollm2, 6, SMOLLM2[threads])}
        cases = [(str(of[model][0]), dtype, *of[model][1:]) for model, dtype in KINDS]
        for kind, outcome in zip(KINDS, played(threads, cases), strict=True):
            assert all(outcome.pop(name) is True for name in [name for name in outcome if name.endswith("exact")])
            found[kind].append(outcome)
    return found


def played(threads: int, cases: list[tuple[str, str, int, list[int]]]) -> list[Any]:
    environment = {name: value for name, value in os.environ.items() if name not in ("MKL_CBWR", "OMP_NUM_THREADS")}
    environment["PYTHONPATH"] = str(SCRIPT.parents[2])
    command = [sys.executable, str(SCRIPT), json.dumps([threads, *cases])]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    found: list[Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def assert_all_equal(found: Outcomes) -> dict[str, str]:
    whole = next(iter(found.values()))
    assert len(set(whole.values())) > len(whole) // 2  # the texts differ from each other
    for name, texts in found.items():
        assert texts == {index: whole[index] for index in texts}, name
    return whole


@pytest.mark.slow
@pytest.mark.xdist_group("exact")
@pytest.mark.parametrize(("model", "dtype"), KINDS)
def test_text_does_not_depend_on_order_load_rows_neighbours_or_threads(
    outcomes: dict[tuple[str, str], list[Outcomes]], model: str, dtype: str
) -> None:
    one, two = map(assert_all_equal, outcomes[model, dtype])
    assert one == two


@pytest.mark.parametrize("spoilt", ["row", "size", "length"])
def test_an_engine_that_fails_its_self_test_carries_no_exact_label(
    tiny: Callable[..., Path], started: Callable[..., HfEngine], monkeypatch: pytest.MonkeyPatch, spoilt: str
) -> None:
    step = Decoder.step

    def worse(self: Decoder, tokens: list[int], positions: list[int], pages: list[list[int]]) -> NDArray[np.float32]:
        logits = step(self, tokens, positions, pages)
        if spoilt == "row" and len(tokens) > 5:
            logits[5, 3] += 1e-6
        elif (spoilt == "size" and len(tokens) == 16) or (spoilt == "length" and max(positions) > 600):
            logits[:, 3] += 1e-6
        return logits

    monkeypatch.setattr(Decoder, "step", worse)
    engine = started(tiny(), max_num_seqs=16)
    assert not engine.info.exact
    assert "not bit-identical" in engine.info.exact_note
    assert engine.info.identity["exact"] is False


def test_where_products_of_other_sizes_have_other_bits_those_of_one_size_earn_the_label(
    tiny: Callable[..., Path], started: Callable[..., HfEngine], monkeypatch: pytest.MonkeyPatch
) -> None:
    product = packed._product

    def of_tiles(x: Tensor, *rest: Any) -> Tensor:
        return product(x, *rest) + 1e-6 * (x.numel() // x.shape[-1] < 40)

    monkeypatch.setattr(packed, "_product", of_tiles)
    info = started(tiny(), max_num_seqs=16).info
    assert info.exact
    assert str(info.identity["arithmetic"]).endswith("packed, 64 rows at a time")

    def by_place(x: Tensor, *rest: Any) -> Tensor:
        return product(x, *rest) + 1e-6 * torch.arange(x.shape[-2])[:, None]

    monkeypatch.setattr(packed, "_product", by_place)
    info = started(tiny(), max_num_seqs=16).info
    assert not info.exact
    assert str(info.identity["arithmetic"]).endswith("packed")


def test_without_the_self_test_there_is_no_exact_label(
    tiny: Callable[..., Path], started: Callable[..., HfEngine]
) -> None:
    info = started(tiny(), exact=False).info
    assert not info.exact
    assert "switched off" in info.exact_note
