"""Tiny random models that transformers loads like any other, made where a test needs them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, cast

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
)

CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_TEXT = (
    "Wait, let me think again. The answer is 42. So the final answer is \\boxed{7}. Hmm, how many apples are left? "
    "Tom has 12 apples and gives away 5 of them, so 12 - 5 = 7 apples are left. Final answer: Alternatively, Wait Wait."
)
Architecture = Literal["llama", "qwen2"]


def input_rows(model: PreTrainedModel) -> torch.Tensor:
    """Its input embeddings, a row for each token."""
    return cast(torch.Tensor, model.get_input_embeddings().weight)


def generated(model: PreTrainedModel, ids: torch.Tensor, **options: Any) -> torch.Tensor:
    """What transformers' own `generate` makes of `ids`; its types fit none of the models that transformers loads."""
    return cast(torch.Tensor, cast(Any, model).generate(ids, **options))


def make_tiny(
    folder: Path,
    architecture: Architecture = "llama",
    tie: bool = True,
    *,
    context: int = 2048,
    padding: int = 0,
    seed: int = 0,
) -> Path:
    """Write a random model of two layers with its tokenizer into `folder`; returns `folder`.

    The tokenizer is a byte-level BPE with "Wait" as one token, "<think>" and "</think>" as added tokens, and a ChatML
    template. `padding` adds rows to the embedding matrix that no token has.
    """
    tokenizer = make_tokenizer()
    tokenizer.save_pretrained(folder)
    sizes = {
        "vocab_size": len(tokenizer) + padding,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": context,
        "initializer_range": 0.2,  # logits that differ, so that greedy text is no constant
        "tie_word_embeddings": tie,
        "bos_token_id": tokenizer.convert_tokens_to_ids("<|endoftext|>"),
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = (
            LlamaForCausalLM(LlamaConfig(**sizes))
            if architecture == "llama"
            else Qwen2ForCausalLM(Qwen2Config(**sizes))
        )
    model.save_pretrained(folder)
    return folder


def make_tokenizer() -> PreTrainedTokenizerFast:
    """The tiny models' tokenizer: 256 bytes, some merges, five added tokens."""
    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=384, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False, min_frequency=1
    )
    inner.train_from_iterator([_TEXT] * 4, trainer)
    inner.add_special_tokens([AddedToken(name) for name in ("<|endoftext|>", "<|im_start|>", "<|im_end|>")])
    inner.add_tokens([AddedToken(name, special=False) for name in ("<think>", "</think>")])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=inner, bos_token="<|endoftext|>", eos_token="<|im_end|>", pad_token="<|endoftext|>"
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer
