"""A tiny GGUF file with the weights and tokenizer of a tiny Qwen2 model, whole or in wheels."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import gguf
import torch
from safetensors.torch import load_file

from tests.tiny import CHAT_TEMPLATE

_LAYERS = {
    "input_layernorm.weight": "attn_norm.weight",
    "post_attention_layernorm.weight": "ffn_norm.weight",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "model.layers": "blk",
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
}


def write_gguf(
    folder: Path, path: Path, *, output: torch.Tensor | None = None, leave_out: str = "", words: str = "qwen2"
) -> Path:
    """Write the Qwen2 model in `folder` as float32 GGUF.

    Args:
        output: put in as a second rounding of a tied matrix.
        words: how llama.cpp parts a text into words; the tiny tokenizer does it as "gpt-2".
    """
    config = json.loads((folder / "config.json").read_text())
    writer = gguf.GGUFWriter(path, "qwen2")
    writer.add_name("tiny")
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(config["rope_parameters"]["rope_theta"])
    _add_tokenizer(writer, json.loads((folder / "tokenizer.json").read_text()), config, words)
    tensors = load_file(folder / "model.safetensors")
    if output is not None:
        tensors["lm_head.weight"] = output
    for name, tensor in tensors.items():
        for theirs, ours in _LAYERS.items():
            name = name.replace(theirs, ours)
        if name != leave_out:
            writer.add_tensor(name, tensor.float().numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add_tokenizer(writer: gguf.GGUFWriter, tokenizer: dict[str, Any], config: dict[str, Any], words: str) -> None:
    added = {token["id"]: token for token in tokenizer["added_tokens"]}
    tokens = {number: text for text, number in tokenizer["model"]["vocab"].items()}
    tokens |= {number: token["content"] for number, token in added.items()}
    kinds = [
        gguf.TokenType.NORMAL
        if number not in added
        else gguf.TokenType.CONTROL
        if added[number]["special"]
        else gguf.TokenType.USER_DEFINED
        for number in sorted(tokens)
    ]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(words)
    writer.add_token_list([tokens[number] for number in sorted(tokens)])
    writer.add_token_types(kinds)
    writer.add_token_merges([" ".join(pair) for pair in tokenizer["model"]["merges"]])
    writer.add_bos_token_id(config["bos_token_id"])
    writer.add_eos_token_id(config["eos_token_id"])
    writer.add_pad_token_id(config["pad_token_id"])
    writer.add_chat_template(CHAT_TEMPLATE)


def write_wheels(data: bytes, folder: Path, names: list[str]) -> tuple[str, ...]:
    """Spread `data` over one wheel a name in `folder`; returns the pinned requirements, in order."""
    folder.mkdir(parents=True, exist_ok=True)
    size = -(-len(data) // len(names))
    for place, name in enumerate(names):
        module = name.replace("-", "_")
        info = f"{module}-1.0.dist-info"
        with zipfile.ZipFile(folder / f"{module}-1.0-py3-none-any.whl", "w") as wheel:
            wheel.writestr(f"{module}/part.bin", data[place * size : (place + 1) * size])
            wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
            wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(f"{info}/RECORD", "")
    return tuple(f"{name}==1.0" for name in names)
