"""What a served model draws, and how it measures tokens: letters without a model, or a model's own logits."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b
from itertools import product
from pathlib import Path
from typing import Any, cast

import torch
from transformers import AutoModelForCausalLM, PreTrainedTokenizerBase

Next = Callable[[Sequence[int], dict[str, Any], int], int]  # ids so far, body, place in the generation -> next id


Ranked = list[tuple[int, float]]  # ids and their log-probabilities, in descending order


Measure = Callable[[Sequence[int], int], Ranked]  # ids so far, the one sampled next -> the first of all, and that one


def surely(ids: Sequence[int], token: int) -> Ranked:
    """Log-probabilities of no model: 25 that fall by the same each, the sampled token's among the first three."""
    number = int.from_bytes(blake2b(repr(list(ids)).encode(), digest_size=4).digest(), "big")
    likeliest = 0.1 + 0.8 * number / 2**32
    others = [each for each in range(26) if each != token][:24]
    others.insert(number % 3, token)
    return [(each, math.log(likeliest) + rank * math.log1p(-likeliest)) for rank, each in enumerate(others)]


def log_softmax(folder: Path) -> Measure:
    """Those of a real model."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()

    @torch.inference_mode()
    def measure(ids: Sequence[int], token: int) -> Ranked:
        numbers = torch.log_softmax(model(torch.tensor([list(ids)])).logits[0, -1], dim=-1)
        top = numbers.topk(25).indices.tolist()
        return [(each, float(numbers[each])) for each in (top if token in top else [*top, token])]

    return measure


def ids_of(tokenizer: PreTrainedTokenizerBase, names: Iterable[str]) -> list[int]:
    return [int(cast(int, tokenizer.convert_tokens_to_ids(name))) for name in names]


def words(tokenizer: PreTrainedTokenizerBase, ends: Sequence[str] = ("</think>", "<|im_end|>")) -> Next:
    """A model without weights: draws letters that never merge, and now and then an end after 16 of them."""
    letters = ids_of(tokenizer, "bcdfghjk")
    for pair in product(letters, repeat=2):
        assert tokenizer.encode(str(tokenizer.decode(list(pair))), add_special_tokens=False) == list(pair)
    closing = ids_of(tokenizer, ends)

    def draw(ids: Sequence[int], body: dict[str, Any], place: int) -> int:
        free = body["temperature"] > 0 and body.get("top_k") != 1 and body.get("min_p", 0) < 0.9
        salt = body.get("seed") if free else None
        number = int.from_bytes(blake2b(repr((list(ids), salt)).encode(), digest_size=4).digest(), "big")
        if number % 8 == 0 and all(token in letters for token in ids[-16:]):
            return closing[number // 8 % len(closing)]
        return letters[number % len(letters)]

    return draw


def weights(folder: Path) -> Next:
    """A real model, by a plain forward pass over everything for each token."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()

    @torch.inference_mode()
    def draw(ids: Sequence[int], body: dict[str, Any], place: int) -> int:
        logits = model(torch.tensor([list(ids)])).logits[0, -1]
        if not body["temperature"] or body.get("top_k") == 1 or body.get("min_p", 0) > 0.9:
            return int(logits.argmax())
        generator = torch.Generator().manual_seed(body.get("seed", 0) * 1000 + place)
        return int(torch.multinomial(torch.softmax(logits / body["temperature"], -1), 1, generator=generator))

    return draw
