"""Claims about models that are loaded without transformers' modelling code."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from transformers import AutoConfig, LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

from tests.tiny import make_tokenizer
from tts_bench.engine import Generation, Request
from tts_bench.engines.hf import bare
from tts_bench.engines.hf.decoder import Reading
from tts_bench.engines.hf.engine import HfEngine

Started = Callable[..., HfEngine]
Run = Callable[[HfEngine, Sequence[Request]], list[Generation]]
SIZES: dict[str, Any] = {
    "vocab_size": 400,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "initializer_range": 0.2,
    "eos_token_id": 2,
}
REQUESTS = [Request(tuple((n * 31 + at * 17) % 250 for at in range(3 + 40 * n)), (), 20, str(n)) for n in range(4)]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own for the proofs."""
    monkeypatch.setenv("TTS_BENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def saved(folder: Path, kind: str, **options: Any) -> Path:
    """A random model of that kind in `folder`, biases and norms included."""
    torch.manual_seed(0)
    given = {**SIZES, **options}
    model = LlamaForCausalLM(LlamaConfig(**given)) if kind == "llama" else Qwen2ForCausalLM(Qwen2Config(**given))
    for parameter in model.parameters():
        if parameter.dim() == 1:  # transformers leaves all biases at 0 and all norms at 1
            torch.nn.init.normal_(parameter, 1.0, 0.2)
    model.save_pretrained(folder)
    make_tokenizer().save_pretrained(folder)
    return folder


def logits(engine: HfEngine, prompt: Sequence[int]) -> NDArray[np.float32]:
    """After the prompt, and after one token more."""
    decoder, pages = engine._decoder, [1, 2, 3, 4]
    decoder.pages.resize(5)
    decoder.pages.zero(pages)
    with torch.inference_mode():
        read = decoder.prefill([Reading(prompt, pages)]).copy()
        return np.concatenate([read, decoder.step([7], [len(prompt)], [pages])])


def is_bare(engine: HfEngine) -> bool:
    return isinstance(engine._decoder.model, bare.BareModel)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("llama", {}),
        ("llama", {"tie_word_embeddings": True}),
        ("llama", {"attention_bias": True, "mlp_bias": True, "head_dim": 8, "rms_norm_eps": 1e-3}),
        ("qwen2", {"rope_parameters": {"rope_type": "default", "rope_theta": 1e6}, "num_key_value_heads": 1}),
        ("qwen2", {"tie_word_embeddings": True}),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_bare_model_generates_what_the_whole_one_does(
    tmp_path: Path, cache: Path, started: Started, run: Run, kind: str, options: dict[str, Any], dtype: str
) -> None:
    folder = saved(tmp_path / "model", kind, **options)
    first, second, whole = (
        started(folder, dtype=dtype, max_num_seqs=4, kept_proof=True, apart=apart) for apart in (True, True, False)
    )
    assert [is_bare(engine) for engine in (first, second, whole)] == [False, True, False]
    assert first.info == second.info == whole.info
    assert second.tokenizer.end_ids == whole.tokenizer.end_ids
    assert run(second, REQUESTS) == run(whole, REQUESTS)
    for request in REQUESTS:  # bit by bit, also where a draw would hide it
        ours, theirs = (logits(engine, request.prompt) for engine in (second, whole))
        assert np.isfinite(ours).all()
        assert np.array_equal(ours, theirs)


@settings(max_examples=40, deadline=None)
@given(
    positions=st.lists(st.integers(0, 200_000), min_size=1, max_size=20),
    theta=st.sampled_from([1e4, 1e5, 5e5, 1e6, 12345.678]),
    size=st.sampled_from([8, 64, 80, 128]),
    dtype=st.sampled_from([torch.float32, torch.bfloat16]),
)
def test_rotary_positions_are_those_of_transformers_to_the_bit(
    positions: list[int], theta: float, size: int, dtype: torch.dtype
) -> None:
    from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding
    from transformers.models.qwen2.modeling_qwen2 import Qwen2RotaryEmbedding

    at, x = torch.tensor([positions]), torch.zeros(1, len(positions), 4, dtype=dtype)
    given = {**SIZES, "head_dim": size, "rope_parameters": {"rope_type": "default", "rope_theta": theta}}
    llama, qwen = LlamaConfig(**given), Qwen2Config(**given)
    for config, theirs in ((llama, LlamaRotaryEmbedding(llama)), (qwen, Qwen2RotaryEmbedding(qwen))):
        for mine, its in zip(bare._Rotary(config)(x, at), theirs(x, at), strict=True):
            assert torch.equal(mine, its)


def test_without_a_proof_and_in_a_process_that_trains_the_model_is_transformers_own(
    tmp_path: Path, cache: Path, started: Started
) -> None:
    folder = saved(tmp_path / "model", "llama")
    assert not is_bare(started(folder, max_num_seqs=4, kept_proof=True, apart=True))
    assert not is_bare(started(folder, max_num_seqs=4, kept_proof=True))
    assert not is_bare(started(folder, max_num_seqs=4, apart=True))  # whoever asks for the test gets it
    assert is_bare(started(folder, max_num_seqs=4, kept_proof=True, apart=True))
    assert not is_bare(started(folder, max_num_seqs=5, kept_proof=True, apart=True))


def test_models_of_another_shape_are_left_to_transformers(tmp_path: Path) -> None:
    folder = saved(tmp_path / "model", "llama")
    config = AutoConfig.from_pretrained(folder)

    def found(folder: Path = folder, **changed: Any) -> bool:
        return bare.load(folder, AutoConfig.from_pretrained(folder, **changed), torch.float32) is not None

    assert found()
    stretched = {"rope_type": "llama3", "rope_theta": 1e4, "factor": 8.0, "low_freq_factor": 1.0}
    stretched |= {"high_freq_factor": 4.0, "original_max_position_embeddings": 256}
    others: list[dict[str, Any]] = [
        {"hidden_act": "gelu"},
        {"rope_parameters": stretched},
        {"num_hidden_layers": 1},  # the file has tensors that nobody would read
        {"num_hidden_layers": 3},
        {"attention_bias": True},
        {"intermediate_size": 64},
        {"tie_word_embeddings": True},  # the file has a matrix of its own for the output
    ]
    assert [found(**each) for each in others] == [False] * len(others)

    class Own(LlamaConfig):
        """Of code that came with a model."""

    assert bare.load(folder, Own(**config.to_dict()), torch.float32) is None
    empty = tmp_path / "empty"
    empty.mkdir()
    shutil.copy(folder / "config.json", empty)
    assert not found(empty)


def test_a_model_in_several_files_is_read_from_those_that_its_index_names(tmp_path: Path) -> None:
    folder = saved(tmp_path / "model", "qwen2")
    config = AutoConfig.from_pretrained(folder)
    whole = Qwen2ForCausalLM.from_pretrained(folder)
    parts = tmp_path / "parts"
    whole.save_pretrained(parts, max_shard_size="100KB")
    assert len(list(parts.glob("*.safetensors"))) > 2
    shutil.copy(folder / "model.safetensors", parts / "other.safetensors")
    found = bare.load(parts, config, torch.float32)
    assert found is not None
    ours, theirs = found.state_dict(), whole.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.slow
def test_a_worker_imports_no_modelling_code_of_transformers(tmp_path: Path, cache: Path, started: Started) -> None:
    folder = saved(tmp_path / "model", "llama")
    options = {"name": "tiny", "fingerprint": "f" * 64, "device": "cpu", "threads": 1, "max_num_seqs": 4}
    program = (
        "import json, sys; from pathlib import Path; from tts_bench.engines.hf.load import load\n"
        "engine = load(Path(sys.argv[1]), kept_proof=True, apart=True, **json.loads(sys.argv[2]))\n"
        "print('transformers.modeling_utils' in sys.modules, type(engine._decoder.model).__name__)"
    )
    command = [sys.executable, "-c", program, str(folder), json.dumps(options)]
    first, second = (subprocess.run(command, check=True, capture_output=True, text=True).stdout for _ in range(2))
    assert first == "True LlamaForCausalLM\n"
    assert second == "False BareModel\n"
