"""Tiny reward models of every layout, made where a test needs them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from tokenizers import AddedToken
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForSequenceClassification,
    Qwen2ForTokenClassification,
    Qwen2Model,
)

from tests.tiny import make_tokenizer

SIZES = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "initializer_range": 0.3,
}


def tokenizer_with(*tags: str) -> PreTrainedTokenizerFast:
    """The tiny tokenizer, in which each of `tags` is one token."""
    tokenizer = make_tokenizer()
    tokenizer.add_tokens([AddedToken(tag, special=True, normalized=False) for tag in tags])
    return tokenizer


def _sizes(tokenizer: PreTrainedTokenizerFast, **more: Any) -> dict[str, Any]:
    return {**SIZES, "vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id, **more}


def make(layout: str, folder: Path, *, labels: int = 2) -> Path:
    """Write a random reward model for `layout` with its tokenizer into `folder`; returns `folder`."""
    tags = {"qwen": ("<extra_0>",), "math-shepherd": ("\u043a\u0438",)}
    tokenizer = tokenizer_with(*tags.get(layout, ()))
    tokenizer.save_pretrained(folder)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(len(layout))
        if layout == "outcome":
            Qwen2ForSequenceClassification(Qwen2Config(**_sizes(tokenizer, num_labels=labels))).save_pretrained(folder)
        elif layout == "tokens":
            Qwen2ForTokenClassification(Qwen2Config(**_sizes(tokenizer, num_labels=2))).save_pretrained(folder)
        elif layout == "qwen":
            _qwen(tokenizer, folder)
        else:
            LlamaForCausalLM(LlamaConfig(**_sizes(tokenizer), tie_word_embeddings=False)).save_pretrained(folder)
    if layout == "skywork":
        add(folder, {"v_head.summary.weight": torch.randn(1, 32), "v_head.summary.bias": torch.tensor([0.3])})
    return folder


def add(folder: Path, tensors: dict[str, torch.Tensor]) -> None:
    """More tensors for the weights in `folder`."""
    file = folder / "model.safetensors"
    save_file({**load_file(file), **tensors}, file, metadata={"format": "pt"})


def _qwen(tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """As Qwen2.5-Math-PRM is published: the body of Qwen2, a head of two layers, and code for the class around it."""
    Qwen2Model(Qwen2Config(**_sizes(tokenizer))).save_pretrained(folder)
    body = {f"model.{name}": tensor for name, tensor in load_file(folder / "model.safetensors").items()}
    head = {"score.0.weight": (32, 32), "score.0.bias": (32,), "score.2.weight": (2, 32), "score.2.bias": (2,)}
    tensors = {**body, **{name: torch.randn(shape) for name, shape in head.items()}}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    config["architectures"] = ["Qwen2ForProcessRewardModel"]
    config["auto_map"] = {"AutoModel": "modeling_qwen2_rm.Qwen2ForProcessRewardModel"}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "modeling_qwen2_rm.py").write_text("raise RuntimeError('code of the model was run')\n")
