"""Where a row starts from, and how the model's files are read for it."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor

from tts_bench.engines.hf import HfEngine
from tts_bench.errors import UserError


def embedding_of(engine: HfEngine, text: str) -> Tensor:
    """The mean of the embedding rows of the tokens of `text`: float32 [hidden], on the model's device.

    Raises:
        UserError: the text has no tokens.
    """
    tokens = engine.tokenizer.encode(text)
    if not tokens:
        raise UserError(f"--from {text!r} has no tokens in the vocabulary of {engine.info.model}. Give another text.")
    matrix = cast(Tensor, engine.model.get_input_embeddings().weight)
    return matrix.detach()[torch.tensor(tokens, device=matrix.device)].float().mean(0)


def check_name(engine: HfEngine, name: str) -> None:
    """Refuse a name that the vocabulary has.

    Raises:
        UserError: it is there.
    """
    if name in engine.tokenizer.inner.get_vocab():
        raise UserError(
            f"--name {name} is a token of {engine.info.model} already. Give another, such as <|continue-thinking-2|>."
        )
