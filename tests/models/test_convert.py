"""GGUF files become folders that transformers loads, with the same weights, tokenizer and ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from tests.models.tiny_gguf import write_gguf
from tests.tiny import input_rows, make_tiny
from tts_bench.errors import UserError
from tts_bench.models import check
from tts_bench.models.convert import convert


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny(tmp_path_factory.mktemp("source"), "qwen2")


def converted(gguf: Path, tmp_path: Path) -> Path:
    target = tmp_path / "model"
    target.mkdir()
    convert(gguf, target)
    check(target)
    return target


def test_a_converted_model_has_the_weights_rounded_to_bfloat16(source: Path, tmp_path: Path) -> None:
    target = converted(write_gguf(source, tmp_path / "tiny.gguf"), tmp_path)
    wanted, got = load_file(source / "model.safetensors"), load_file(target / "model.safetensors")
    assert wanted.keys() == got.keys()
    assert all(torch.equal(wanted[name].bfloat16(), got[name]) for name in wanted)
    assert json.loads((target / "converted.json").read_text()) == {"notes": ["dequantised from F32 to bfloat16"]}


def test_a_converted_tokenizer_gives_the_same_ids_and_prompt(source: Path, tmp_path: Path) -> None:
    target = converted(write_gguf(source, tmp_path / "tiny.gguf"), tmp_path)
    wanted, got = AutoTokenizer.from_pretrained(source), AutoTokenizer.from_pretrained(target)
    text = "<|im_start|>Wait, the answer is 42.<think>\n\\boxed{7}</think><|im_end|>"
    assert got.encode(text) == wanted.encode(text)
    messages = [{"role": "user", "content": "How many apples?"}]
    options: dict[str, Any] = {"tokenize": False, "add_generation_prompt": True}
    assert got.apply_chat_template(messages, **options) == wanted.apply_chat_template(messages, **options)


def test_every_end_among_the_special_tokens_ends_generation_the_files_own_first(source: Path, tmp_path: Path) -> None:
    target = converted(write_gguf(source, tmp_path / "tiny.gguf"), tmp_path)
    ends = AutoTokenizer.from_pretrained(target).convert_tokens_to_ids(["<|im_end|>", "<|endoftext|>"])
    assert json.loads((target / "generation_config.json").read_text())["eos_token_id"] == ends


def test_two_roundings_of_a_tied_matrix_become_the_output_sides_again(source: Path, tmp_path: Path) -> None:
    embedding = load_file(source / "model.safetensors")["model.embed_tokens.weight"]
    finer = (embedding + 0.001).bfloat16()
    target = converted(write_gguf(source, tmp_path / "tiny.gguf", output=finer), tmp_path)
    model = AutoModelForCausalLM.from_pretrained(target)
    assert torch.equal(input_rows(model), finer)
    assert model.get_input_embeddings().weight is model.get_output_embeddings().weight
    assert "tied again" in json.loads((target / "converted.json").read_text())["notes"][1]


def test_two_different_matrices_stay_two(source: Path, tmp_path: Path) -> None:
    other = load_file(source / "model.safetensors")["model.embed_tokens.weight"].flip(0).bfloat16()
    target = converted(write_gguf(source, tmp_path / "tiny.gguf", output=other), tmp_path)
    assert torch.equal(load_file(target / "model.safetensors")["lm_head.weight"], other)


def test_a_file_that_lacks_a_tensor_is_refused_not_filled_at_random(source: Path, tmp_path: Path) -> None:
    gguf = write_gguf(source, tmp_path / "tiny.gguf", leave_out="blk.1.ffn_up.weight")
    with pytest.raises(UserError, match="lacks tensors"):
        converted(gguf, tmp_path)


@pytest.mark.parametrize("keep", [8, 600, -1000])
def test_a_damaged_file_is_refused(source: Path, tmp_path: Path, keep: int) -> None:
    gguf = write_gguf(source, tmp_path / "tiny.gguf")
    gguf.write_bytes(gguf.read_bytes()[:keep])
    with pytest.raises(UserError, match="not a GGUF language model"):
        converted(gguf, tmp_path)
