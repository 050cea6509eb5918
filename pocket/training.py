"""Training the pocket reasoner: Muon on the matrices of the layers, AdamW on the rest, one seed, resumable."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import count, islice
from pathlib import Path
from random import Random
from typing import Any

import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import LlamaConfig, LlamaForCausalLM

from pocket import tokens
from pocket.attack import Cue, attack
from pocket.settings import Settings
from pocket.traces import IGNORE, Document, document
from tts_bench.files import write_whole

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


def train(settings: Settings, folder: Path, say: Callable[[int, float, float], None]) -> tuple[LlamaForCausalLM, Curve]:
    """Train and harden a model, with the control token still in it; returns it and its loss curve.

    A checkpoint lies in `folder` while it trains, and training goes on from one that is there. `say` is called with
    the step, the mean loss since the last call, and tokens a second.
    """
    state = _State(settings, folder / CHECKPOINT)
    for stage in range(settings.rounds + 1):
        last = settings.steps + stage * settings.round_steps
        if state.done >= last:
            continue
        if len(state.found) < stage:
            known = [cue for cues in state.found for cue in cues]
            state.found.append(attack(state.model, Random(f"attack/{settings.seed}/{stage}"), known))
            state.save()
        first = last - settings.round_steps if stage else 0
        _stage(state, stage, state.done - first, last, say)
    state.model.train(False)
    return state.model, state.curve


def _stage(state: _State, stage: int, skipped: int, last: int, say: Callable[[int, float, float], None]) -> None:
    """Steps up to `last`, on documents whose first `skipped` batches were seen before."""
    losses, seen, since = [], 0, time.perf_counter()
    known = [cue for cues in state.found for cue in cues]
    for batch in islice(_batches(state.settings, stage, known, skipped), last - state.done):
        losses.append(state.step(batch))
        seen += sum(len(document.tokens) for document in batch)
        if state.done % _LOGGED == 0 or state.done == last:
            state.curve.append([state.done, round(sum(losses) / len(losses), 4)])
            say(state.done, state.curve[-1][1], seen / (time.perf_counter() - since))
            losses, seen, since = [], 0, time.perf_counter()
        if state.done % _SAVED == 0 or state.done == last:
            state.save()


class _State:
    """A training as far as it has come: weights, optimizers, steps done, loss curve, cues found in each round."""

    def __init__(self, settings: Settings, checkpoint: Path) -> None:
        self.settings, self._checkpoint = settings, checkpoint
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            self.model = LlamaForCausalLM(config(tokens.control_id() + 1))
        self._optimizers = _optimizers(self.model, settings.rate)
        self._schedules = [torch.optim.lr_scheduler.LambdaLR(each, settings.schedule) for each in self._optimizers]
        self._parts: list[Any] = [self.model, *self._optimizers, *self._schedules]
        self.done = 0
        self.curve: Curve = []
        self.found: list[list[Cue]] = []
        if checkpoint.exists():
            self._load()
        self.model.train()

    def step(self, batch: list[Document]) -> float:
        """One update; returns the loss before it."""
        ids, labels = (_padded([getattr(d, name) for d in batch], fill) for name, fill in _COLUMNS)
        loss = self.model(input_ids=ids, labels=labels, use_cache=False).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer, schedule in zip(self._optimizers, self._schedules, strict=True):
            optimizer.step()
            schedule.step()
        self.model.zero_grad(set_to_none=True)
        self.done += 1
        return float(loss.detach())

    def save(self) -> None:
        held = io.BytesIO()
        state = {"done": self.done, "curve": self.curve, "found": self.found}
        torch.save({**state, "parts": [part.state_dict() for part in self._parts]}, held)
        write_whole(self._checkpoint, held.getvalue())

    def _load(self) -> None:
        state = torch.load(self._checkpoint, weights_only=True)
        for part, saved in zip(self._parts, state["parts"], strict=True):
            part.load_state_dict(saved)
        self.done, self.curve, self.found = state["done"], state["curve"], state["found"]


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


def _batches(settings: Settings, stage: int, known: Sequence[Cue], skipped: int) -> Iterator[list[Document]]:
    """Batches without end, of about `settings.batch_tokens` each; the first `skipped` are passed over."""
    for pool in count():
        draw = Random(f"pocket/{settings.seed}/{f'hardening/{stage}/' if stage else ''}{pool}")
        documents = (document(draw, tokens.control_id(), known) for _ in range(_POOL))
        batches: list[list[Document]] = [[]]
        for each in sorted(documents, key=lambda d: len(d.tokens)):
            if len(each.tokens) * (len(batches[-1]) + 1) > settings.batch_tokens and batches[-1]:
                batches.append([])
            batches[-1].append(each)
        draw.shuffle(batches)
        yield from batches[skipped:]
        skipped = max(0, skipped - len(batches))
