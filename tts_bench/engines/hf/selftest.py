"""The self-test that earns the label "exact": do a row's logits depend on anything but its own tokens?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tts_bench.errors import UserError

from .decoder import Decoder, batch_size

_FAR = 640  # beyond the 512 positions that CPU attention handles at a time


def check(decoder: Decoder, rows: int, context: int) -> str:
    """Try every batch size up to `rows`, the probe in every row of it, among neighbours of other text and length.

    Uses the decoder's slots, which must hold `batch_size(rows)` of them, and leaves nothing of value there.

    Returns:
        What was found to differ; empty where all logits were bitwise equal.
    """
    far = min(_FAR, context - 3)
    if decoder.slots.capacity < far + 3:
        decoder.slots.resize(decoder.slots.count, -(-(far + 3) // 64) * 64)
    probe = _Probe(decoder)
    for size in sorted({batch_size(count) for count in range(1, rows + 1)}):
        for parity in (0, 1):  # the probe in every second row, then in the others
            other = far if parity else len(probe.prompt) + 5
            places = [slot for slot in range(size) if slot % 2 == parity]
            if differing := probe.differing(size, places, other):
                return f"row {differing[0]} of a batch of {size} has other bits than the same row elsewhere"
    return ""


class _Probe:
    """One prompt with its first two stepped tokens, and the logits they have in a batch of 4."""

    def __init__(self, decoder: Decoder) -> None:
        self.decoder = decoder
        self.prompt = _tokens(decoder, 24, seed=1)
        self.steps = _tokens(decoder, 2, seed=2)
        self.neighbours = _tokens(decoder, 64, seed=3)
        decoder.prefill(0, self.prompt)
        for slot in range(1, decoder.slots.count):
            decoder.slots.copy(0, slot, len(self.prompt))
        self.wanted = self._run(4, [0], len(self.prompt) + 5)[:, 0]

    def differing(self, size: int, places: list[int], other: int) -> list[int]:
        """Of the probe's `places` in a batch of `size`, those with other logits; neighbours stand at about `other`."""
        logits = self._run(size, places, other)
        return [place for place in places if not np.array_equal(logits[:, place], self.wanted)]

    def _run(self, size: int, places: list[int], other: int) -> NDArray[np.float32]:
        logits = []
        for index, token in enumerate(self.steps):
            tokens = [self.neighbours[slot % 64] for slot in range(size)]
            positions = [other - slot % 3 + index for slot in range(size)]
            for place in places:
                tokens[place], positions[place] = token, len(self.prompt) + index
            logits.append(self.decoder.step(tokens, positions))
        return np.stack(logits)


def check_architecture(decoder: Decoder, name: str) -> None:
    """Compare prefill and steps over slots with the model's own forward pass.

    Raises:
        UserError: the model does not work over slots.
    """
    prompt, steps = _tokens(decoder, 12, seed=4), _tokens(decoder, 3, seed=5)
    try:
        decoder.prefill(0, prompt)
        stepped = [decoder.step([token], [len(prompt) + index])[0] for index, token in enumerate(steps)]
        whole = decoder.plain([*prompt, *steps])
    except (AttributeError, TypeError, ValueError, IndexError, NotImplementedError) as error:
        raise UserError(f"{name} cannot run on the hf engine: {type(error).__name__}: {error}") from error
    # float16 and bfloat16 round differently on the two paths; a wrong mask or position is off by the logits' own size
    if np.abs(stepped[-1] - whole).max() > 0.1 * max(1.0, float(np.abs(whole).max())):
        raise UserError(f"{name} cannot run on the hf engine: stepping over its cache gives other logits than one pass")


def _tokens(decoder: Decoder, count: int, seed: int) -> list[int]:
    return [(seed * 7919 + index * 104729) % decoder.vocabulary for index in range(count)]
