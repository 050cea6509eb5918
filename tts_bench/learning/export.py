"""A learned token made part of its model: a checkpoint that any server of transformers models can load."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer

from tts_bench import models
from tts_bench.engines.hf.load import quiet
from tts_bench.errors import UserError
from tts_bench.learning.start import check_embedding
from tts_bench.tokens import tokenfile

_KEPT = ("LICENSE*", "NOTICE*", "chat_template.*")


def to_checkpoint(token: Path, out: Path, model: str | None = None) -> int:
    """Write the model of `token` with the token in its vocabulary to the folder `out`; returns the token's id.

    The embedding matrix has one more row where it has none to spare, in the model's own dtype. The token and all rows
    beyond it are among the generation config's `suppress_tokens`: a cue is put in, it is never sampled.

    Raises:
        UserError: no such token or model, a model that it was not made for or whose embeddings are not plain ones, a
            name that is blank or that the vocabulary has, or a folder that is in use.
    """
    tokenfile.check_free(out)
    learned, card = tokenfile.load(token), tokenfile.load_card(token)
    if not learned.name.strip():
        raise UserError(
            f"{token} has the name {learned.name!r}, and a vocabulary takes none that is blank. Make it again."
        )
    found = models.resolve(model or card.model)
    if found.fingerprint != learned.model:
        raise UserError(
            f"{token} was trained for a model with fingerprint {learned.model[:16]}...; {found.name} has "
            f"{found.fingerprint[:16]}.... Give the model it was trained for with --model."
        )
    tokenizer: Any = AutoTokenizer.from_pretrained(found.folder)
    if learned.name in tokenizer.get_vocab():
        raise UserError(f"{found.name} already has a token {learned.name}; this one cannot be added.")
    size = max(tokenizer.get_vocab().values()) + 1
    with quiet():
        whole: Any = AutoModelForCausalLM.from_pretrained(found.folder, dtype="auto", use_safetensors=True)
    check_embedding(whole, found.name)
    tokenizer.add_special_tokens({"additional_special_tokens": [learned.name]}, replace_extra_special_tokens=False)
    place = int(tokenizer.convert_tokens_to_ids(learned.name))
    if place != size:
        raise UserError(f"the tokenizer of {found.name} gives new tokens the id {place}, not the next one, {size}.")
    _put(whole, place, torch.tensor(learned.row))
    rows = whole.get_input_embeddings().weight.shape[0]
    whole.generation_config.suppress_tokens = list(range(place, rows))
    _write(out, found.folder, token, lambda folder: [part.save_pretrained(folder) for part in (whole, tokenizer)])
    return place


def _put(model: Any, place: int, row: Tensor) -> None:  # noqa: ANN401 - any causal language model
    rows = model.get_input_embeddings().weight.shape[0]
    if place >= rows:
        model.resize_token_embeddings(place + 1, mean_resizing=False)
    matrix, head = (cast(Tensor, part.weight) for part in (model.get_input_embeddings(), model.get_output_embeddings()))
    with torch.no_grad():
        if head is not matrix:
            head[place] = 0
        matrix[place] = row.to(matrix.dtype)


def _write(out: Path, model: Path, token: Path, save: Any) -> None:  # noqa: ANN401 - a function of a folder
    """Fill a folder beside `out`, then rename it."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as scratch:
        staged = Path(scratch) / out.name
        staged.mkdir()
        with quiet():
            save(staged)
        for pattern in _KEPT:
            for file in model.glob(pattern):
                if not (staged / file.name).exists():
                    shutil.copy(file, staged)
        shutil.copy(token / tokenfile.CARD_FILE, staged / "continue_thinking_token.json")
        os.replace(staged, out)
