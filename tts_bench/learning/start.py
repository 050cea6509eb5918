"""Where a row starts from: the embedding of a text."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from tts_bench.engines.hf.engine import HfEngine
from tts_bench.engines.hf.load import quiet
from tts_bench.errors import UserError
from tts_bench.models import ModelFolder
from tts_bench.tokens import tokenfile


def embedding_of(engine: HfEngine, text: str) -> Tensor:
    """The mean of the embedding rows of the tokens of `text`: float32 [hidden], on the model's device.

    Raises:
        UserError: the text has no tokens, or as `check_embedding`.
    """
    check_embedding(engine.model, engine.info.model)
    matrix = cast(Tensor, engine.model.get_input_embeddings().weight)
    return _mean(matrix, engine.tokenizer.encode(text), text)


def check_embedding(model: Any, name: str) -> None:  # noqa: ANN401 - any causal language model
    """Refuse a model that does more with an embedding than to look it up: a learned row is put behind all that.

    Raises:
        UserError: its input embedding is not a plain one, such as Gemma's, which scales what it looks up.
    """
    kind = type(model.get_input_embeddings())
    if kind is not nn.Embedding:
        raise UserError(
            f"{name} reads its input embeddings through {kind.__name__}; learned rows need a plain torch.nn.Embedding, "
            "since a row would miss what that does to the others, such as scaling. Give another --model."
        )


def check_name(engine: HfEngine, name: str) -> None:
    """Refuse a name that is blank or that the vocabulary has.

    Raises:
        UserError: as said.
    """
    _check_name(engine.tokenizer.inner.get_vocab(), name, engine.info.model)


def untrained(model: ModelFolder, out: Path, text: str, name: str) -> None:
    """Write a token whose row is the embedding of `text` in `model`.

    Raises:
        UserError: a text without tokens, a name that is blank or that the vocabulary has, a folder in use, or as
            `check_embedding`.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(model.folder)
    _check_name(tokenizer.get_vocab(), name, model.name)
    with quiet():
        loaded: Any = AutoModelForCausalLM.from_pretrained(model.folder, dtype="auto", use_safetensors=True)
    check_embedding(loaded, model.name)
    row = _mean(loaded.get_input_embeddings().weight, tokenizer.encode(text, add_special_tokens=False), text)
    tokenfile.save(
        out,
        row.tolist(),
        name=name,
        model=model.name,
        fingerprint=model.fingerprint,
        init=text,
        training={"method": "none: the embedding of a text"},
        licence="that of the model",
    )


def _mean(matrix: Tensor, tokens: Any, text: str) -> Tensor:  # noqa: ANN401 - a sequence of ints
    if not tokens:
        raise UserError(f"--from {text!r} has no tokens in the model's vocabulary. Give another text.")
    return matrix.detach()[torch.tensor(tokens, device=matrix.device)].float().mean(0)


def _check_name(vocabulary: dict[str, int], name: str, model: str) -> None:
    if not name.strip():
        raise UserError(f"--name is {name!r}; it takes a text that is not blank.")
    if name in vocabulary:
        raise UserError(f"--name {name} is already a token of {model}. Give another, such as <|continue-thinking-2|>.")
