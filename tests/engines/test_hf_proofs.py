"""Claims about kept proofs: the self-test runs once for one machine, model and settings, and again for any other."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from tts_bench.engines.hf import load as loading
from tts_bench.engines.hf import proofs, selftest
from tts_bench.engines.hf.decoder import Products
from tts_bench.engines.hf.engine import HfEngine


@pytest.fixture
def tests_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How often the self-test ran, an entry each, with a cache of its own."""
    found: list[int] = []
    check = selftest.check

    def counted(*given: Any) -> str:
        found.append(1)
        return check(*given)

    monkeypatch.setenv("TTS_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(loading, "check", counted)
    return found


def test_a_second_start_takes_the_proof_and_any_difference_proves_anew(
    tiny: Callable[..., Path],
    started: Callable[..., HfEngine],
    tests_run: list[int],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    folder = tiny()

    def runs(**given: Any) -> int:
        before = len(tests_run)
        info = started(folder, **{"max_num_seqs": 4, "kept_proof": True, **given}).info
        assert info.exact  # and said in the same words, whenever it was proved
        assert info.exact_note.startswith("self-test: all logits bitwise equal in batches of 4 to")
        return len(tests_run) - before

    assert (runs(), runs()) == (1, 0)
    differences = {"max_num_seqs": 5, "fingerprint": "e" * 64, "dtype": "bfloat16", "context": 64, "threads": 2}
    assert [runs(**{name: value}) for name, value in differences.items()] == [1] * len(differences)
    assert runs(kept_proof=False) == 1  # whoever asks for the test gets it
    for patched in ((transformers, "__version__", "0"), (torch.version, "git_version", "0")):
        with monkeypatch.context() as patch:
            patch.setattr(*patched)
            assert runs() == 1
    with monkeypatch.context() as patch:
        patch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
        assert runs() == 1
    assert runs() == 0
    for file in (tmp_path / "cache" / "proofs").iterdir():
        file.write_bytes(file.read_bytes()[:-7])
    assert (runs(), runs()) == (1, 0)


def test_a_proof_whose_facts_are_others_counts_for_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TTS_BENCH_CACHE", str(tmp_path))
    of = proofs.facts(rows=4)
    proofs.keep(of, Products(64, True))
    [file] = (tmp_path / "proofs").iterdir()
    sound = json.loads(file.read_text())
    assert proofs.kept(of) == Products(64, True)
    broken: list[object] = [
        {**sound, "facts": {**of, "rows": 5}},
        {**sound, "block": "0"},
        {**sound, "block": True},
        {**sound, "wide": 1},
        [],
        {},
        None,
    ]
    for each in [*broken, {**sound, "facts": None}]:
        file.write_text(json.dumps(each))
        assert proofs.kept(of) is None, each


def test_where_the_cache_cannot_be_written_the_engine_starts_all_the_same(
    tiny: Callable[..., Path], started: Callable[..., HfEngine], tests_run: list[int], tmp_path: Path
) -> None:
    (tmp_path / "cache").write_text("in the way")
    folder = tiny()
    assert all(started(folder, max_num_seqs=4, kept_proof=True).info.exact for _ in range(2))
    assert len(tests_run) == 2


def test_a_model_that_fails_leaves_no_proof(
    tiny: Callable[..., Path], started: Callable[..., HfEngine], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TTS_BENCH_CACHE", str(tmp_path))
    monkeypatch.setattr(loading, "check", lambda *given: "row 3 differs")
    assert not started(tiny(), max_num_seqs=4, kept_proof=True).info.exact
    assert not (tmp_path / "proofs").exists()
