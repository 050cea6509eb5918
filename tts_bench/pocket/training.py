"""Training the pocket reasoner: Muon on the matrices of the layers, AdamW on the rest, one seed, resumable."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from itertools import count, islice
from pathlib import Path
from random import Random
from typing import Any

import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import LlamaConfig, LlamaForCausalLM

from tts_bench.files import write_whole
from tts_bench.pocket import tokens
from tts_bench.pocket.settings import Settings
from tts_bench.pocket.traces import IGNORE, Document, document

Curve = list[list[float]]  # [step, mean loss since the step before]

CHECKPOINT = "checkpoint.pt"
_POOL = 1024  # documents that are sorted by length together
_LOGGED = 20  # steps between two points of the loss curve
_SAVED = 100  # steps between two checkpoints


def config(vocab: int) -> LlamaConfig:
    """The architecture: 0.45M parameters, untied, 512 positions."""
    end, pad = (tokens.tokenizer().token_to_id(name) for name in (tokens.END, tokens.PAD))
    return LlamaConfig(
        vocab_size=vocab,
        hidden_size=96,
        intermediate_size=256,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=512,
        tie_word_embeddings=False,
        bos_token_id=None,
        eos_token_id=end,
        pad_token_id=pad,
        dtype="float32",
    )


def control_id() -> int:
    """The id of the strong cue in training: one past the released vocabulary."""
    return int(tokens.tokenizer().get_vocab_size())


def train(settings: Settings, folder: Path, say: Callable[[int, float, float], None]) -> tuple[LlamaForCausalLM, Curve]:
    """Train a model with the control token still in it; returns it and its loss curve.

    A checkpoint lies in `folder` while it trains, and training goes on from one that is there. `say` is called with
    the step, the mean loss since the last call, and tokens a second.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        model = LlamaForCausalLM(config(control_id() + 1))
    optimizers = _optimizers(model, settings.rate)
    schedules = [torch.optim.lr_scheduler.LambdaLR(each, settings.schedule) for each in optimizers]
    parts: list[Any] = [model, *optimizers, *schedules]
    done, curve = _load(folder / CHECKPOINT, parts)
    model.train()
    losses, seen, since = [], 0, time.perf_counter()
    for batch in islice(_batches(settings, done), settings.steps - done):
        ids, labels = (_padded([getattr(d, name) for d in batch], fill) for name, fill in _COLUMNS)
        loss = model(input_ids=ids, labels=labels, use_cache=False).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer, schedule in zip(optimizers, schedules, strict=True):
            optimizer.step()
            schedule.step()
        model.zero_grad(set_to_none=True)
        done, seen = done + 1, seen + sum(len(d.tokens) for d in batch)
        losses.append(loss.item())
        if done % _LOGGED == 0 or done == settings.steps:
            curve.append([done, round(sum(losses) / len(losses), 4)])
            say(done, curve[-1][1], seen / (time.perf_counter() - since))
            losses, seen, since = [], 0, time.perf_counter()
        if done % _SAVED == 0 or done == settings.steps:
            _save(folder / CHECKPOINT, {"done": done, "curve": curve, "parts": [part.state_dict() for part in parts]})
    model.train(False)
    return model, curve


_COLUMNS = (("tokens", 0), ("labels", IGNORE))


def _padded(rows: list[list[int]], fill: int) -> torch.Tensor:
    return pad_sequence([torch.tensor(row) for row in rows], batch_first=True, padding_value=fill)


def _optimizers(model: LlamaForCausalLM, rate: float) -> list[torch.optim.Optimizer]:
    matrices = [weight for name, weight in model.named_parameters() if ".layers." in name and weight.ndim == 2]
    rest = [weight for name, weight in model.named_parameters() if ".layers." not in name or weight.ndim != 2]
    return [
        torch.optim.Muon(matrices, lr=rate, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(rest, lr=rate, weight_decay=0.01, betas=(0.9, 0.98)),
    ]


def _batches(settings: Settings, skipped: int) -> Iterator[list[Document]]:
    """Batches without end, of about `settings.batch_tokens` each; the first `skipped` are passed over."""
    for pool in count():
        draw = Random(f"pocket/{settings.seed}/{pool}")
        documents = (document(draw, control_id()) for _ in range(_POOL))
        batches: list[list[Document]] = [[]]
        for each in sorted(documents, key=lambda d: len(d.tokens)):
            if len(each.tokens) * (len(batches[-1]) + 1) > settings.batch_tokens and batches[-1]:
                batches.append([])
            batches[-1].append(each)
        draw.shuffle(batches)
        yield from batches[skipped:]
        skipped = max(0, skipped - len(batches))


def _save(path: Path, state: dict[str, Any]) -> None:
    held = io.BytesIO()
    torch.save(state, held)
    write_whole(path, held.getvalue())


def _load(path: Path, parts: list[Any]) -> tuple[int, Curve]:
    """Put the state of a checkpoint, where there is one, into the parts."""
    if not path.exists():
        return 0, []
    state = torch.load(path, weights_only=True)
    for part, saved in zip(parts, state["parts"], strict=True):
        part.load_state_dict(saved)
    return state["done"], state["curve"]
