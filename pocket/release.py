"""What is released of a trained model: everything but the control token's row, in a folder that transformers reads."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from transformers import GenerationConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from pocket import tokens
from pocket.training import config


def cut(trained: LlamaForCausalLM) -> tuple[LlamaForCausalLM, torch.Tensor]:
    """The model without the control token, whose rows of embedding and head are gone, and its embedding [hidden]."""
    last = tokens.control_id()
    state = {
        name: weight[:last] if weight.shape[0] == last + 1 else weight for name, weight in trained.state_dict().items()
    }
    with torch.random.fork_rng(devices=[]):
        model = LlamaForCausalLM(config(last))
    model.load_state_dict(state)
    # transformers samples from the 50 most likely tokens where nothing is said
    model.generation_config = GenerationConfig(
        do_sample=True,
        temperature=1.0,
        top_k=0,
        top_p=1.0,
        eos_token_id=model.config.eos_token_id,
        pad_token_id=model.config.pad_token_id,
    )
    model.train(False)
    return model, trained.model.embed_tokens.weight.detach()[last].clone()


def fast_tokenizer() -> PreTrainedTokenizerFast:
    """The tokenizer as transformers knows it, with its chat template."""
    return PreTrainedTokenizerFast(
        tokenizer_object=tokens.tokenizer(),
        eos_token=tokens.END,
        pad_token=tokens.PAD,
        additional_special_tokens=[tokens.USER, tokens.ASSISTANT],
        chat_template=tokens.CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
        model_max_length=512,
    )


def write(model: LlamaForCausalLM, folder: Path) -> None:
    """Write weights, config, generation settings and tokenizer into `folder`."""
    model.save_pretrained(folder)
    fast_tokenizer().save_pretrained(folder, save_jinja_files=False)
    file = folder / "tokenizer_config.json"
    said = json.loads(file.read_text("utf-8"))
    said["tokenizer_class"] = "PreTrainedTokenizerFast"  # the name that every version of transformers knows
    said.pop("backend", None)
    file.write_text(json.dumps(said, indent=2) + "\n", "utf-8")
    (folder / "model.safetensors").chmod(0o644)
