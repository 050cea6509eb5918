"""The self-test that earns the label "exact": do a row's logits depend on anything but its own tokens?"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray

from tts_bench.engines.hf.attention import attended, step_plan
from tts_bench.engines.hf.decoder import CHUNK, Decoder, Reading, batch_size, pass_size
from tts_bench.engines.hf.pages import PAGE
from tts_bench.errors import UserError

_FAR = 640
_ROUNDS, _LARGE = 2, 2.0**14
# How far logits may be from those of one pass, as a share of their spread. In float32 rounding makes less than 1e-4 and
# a position off by one 0.02 and more. In 16 bits the two paths round differently, Qwen2.5-0.5B to 0.17; a wrong mask
# makes 0.5 to 5.
_OFF, _OFF_HALF = 0.005, 0.3
_PAGES = -(-(_FAR + 3) // PAGE) + 1  # of a long neighbour, page 0 included


def check(decoder: Decoder, rows: int, context: int) -> str:
    """Try every batch size up to `rows`, the probe in every row of it, and a prompt cut anywhere and read with others.

    Neighbours have other text and other lengths. Uses the decoder's pages and leaves nothing of value there.

    Returns:
        What was found to differ; empty where all logits were bitwise equal.
    """
    far = min(_FAR, context - 3)
    sizes = sorted({batch_size(count) for count in range(1, rows + 1)})
    # Each row's page, scattered; the first row's neighbours may be long.
    decoder.pages.resize(_PAGES + 2 * sizes[-1])
    decoder.pages.zero(range(_PAGES + 2 * sizes[-1]))
    if differing := _prefill_differing(decoder, min(context - 1, 152)):
        return differing
    probe = _Probe(decoder)
    for size in sizes:
        for parity in (0, 1):  # the probe in every second row, then in the others
            other = far if parity else len(probe.prompt) + 5
            places = [row for row in range(size) if row % 2 == parity]
            if rows_differing := probe.differing(size, places, other):
                return f"row {rows_differing[0]} of a batch of {size} is not bit-identical to itself in another batch"
    return ""


def _prefill_differing(decoder: Decoder, length: int) -> str:
    """A prompt must end in the same logits however it was cut, and whatever is read beside it."""
    prompt, pages = _tokens(decoder, length, seed=6), list(range(1, _PAGES))
    wanted = decoder.prefill([Reading(prompt, pages)])
    for left in (*range(1, min(length, 128), 16), length // 2, length - 5):
        if not np.array_equal(decoder.prefill([Reading(prompt, pages, length - left)]), wanted):
            return f"prefilling the last {left} tokens of a prompt separately is not bit-identical to doing it at once"
    short, other = Reading(prompt[:13], [_PAGES]), _tokens(decoder, length, seed=7)
    alone = decoder.prefill([short])
    for size in sorted({pass_size(count) for count in range(len(short.prompt) + 1, CHUNK + 1)}):
        left = size - len(short.prompt)
        others = [Reading(other[: min(length, left - at)], pages) for at in range(0, left, length)]
        place = size // 16 % (len(others) + 1)  # before them, behind them and among them
        logits = decoder.prefill([*others[:place], short, *others[place:]])
        if not np.array_equal(logits[place], alone[0]):
            return f"a prompt that is read in a pass of {size} tokens is not bit-identical to itself alone"
    return ""


def attention_differing(decoder: Decoder, rows: int) -> str:
    """Rows that ask the same of the same page must get the same, however many there are and whatever page is theirs."""
    pages, counts = decoder.pages, sorted({batch_size(count) for count in range(1, rows + 1)})
    pages.resize(counts[-1] + 2)
    for key, value in _same_pages(pages.size):
        pages.keys[0][:], pages.values[0][:] = key.to(pages.keys[0]), value.to(pages.values[0])
        wanted = _attention(decoder, counts[0], 1)[0, 0, 0]
        for count, first in product(counts, (1, 2)):  # an odd and an even number of pages, with page 0
            found = _attention(decoder, count, first)
            if not torch.equal(found, wanted.expand_as(found)):
                return f"attention of {count} rows is not bit-identical to that of {counts[0]}"
    return ""


def _attention(decoder: Decoder, count: int, first: int) -> torch.Tensor:
    """What each of `count` rows gets that ask for everything alike; they hold a page each, from `first` on."""
    pages, heads = decoder.pages, decoder.attention_width // decoder.pages.size
    plan = step_plan(pages, [PAGE - 1] * count, [[first + row] for row in range(count)], count)
    asked = torch.ones(count, pages.heads, heads // pages.heads, 1, pages.size).to(pages.keys[0])
    return attended(plan, asked, pages.keys[0][: len(plan.owner)], pages.values[0][: len(plan.owner)])


def _same_pages(size: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Keys and values, [PAGE, size] each: for sums of scores, which the weights show, and sums of values alone."""
    generator = torch.Generator().manual_seed(0)
    for _ in range(_ROUNDS):
        yield _cancelling(PAGE, size, generator), torch.eye(PAGE, size)
        yield torch.zeros(PAGE, size), _cancelling(size, PAGE, generator).T


def _cancelling(rows: int, columns: int, generator: torch.Generator) -> torch.Tensor:
    """[rows, columns], each row summing up to about 1, but to thousands on the way, so that another order shows."""
    drawn = torch.randn(rows, columns, generator=generator)
    third = columns // 3
    drawn[:, :third] *= _LARGE
    drawn[:, third : 2 * third] = -drawn[:, :third]
    return drawn


class _Probe:
    """One prompt with its first two stepped tokens, and the logits they have in a batch of 4."""

    def __init__(self, decoder: Decoder) -> None:
        self.decoder = decoder
        self.prompt = _tokens(decoder, 24, seed=1)
        self.steps = _tokens(decoder, 2, seed=2)
        self.neighbours = _tokens(decoder, 64, seed=3)
        self.first = _PAGES  # page of row 0
        decoder.prefill([Reading(self.prompt, [self.first])])
        self.wanted = self._run(4, [0], len(self.prompt) + 5)[:, 0]

    def differing(self, size: int, places: list[int], other: int) -> list[int]:
        """Of the probe's `places` in a batch of `size`, those with other logits; neighbours stand at about `other`."""
        logits = self._run(size, places, other)
        return [place for place in places if not np.array_equal(logits[:, place], self.wanted)]

    def _run(self, size: int, places: list[int], other: int) -> NDArray[np.float32]:
        logits = []
        pages = [[self.first + 2 * row + row % 2] for row in range(size)]
        self.decoder.pages.move([self.first] * len(places), [pages[place][0] for place in places])
        long = next(row for row in range(size) if row not in places)
        pages[long] = list(range(1, other // PAGE + 2))
        for index, token in enumerate(self.steps):
            tokens = [self.neighbours[row % 64] for row in range(size)]
            positions = [min(other, PAGE - 3) - row % 3 + index for row in range(size)]
            positions[long] = other + index
            for place in places:
                tokens[place], positions[place] = token, len(self.prompt) + index
            logits.append(self.decoder.step(tokens, positions, pages).copy())
        return np.stack(logits)


def check_architecture(decoder: Decoder, name: str) -> None:
    """Compare prefill and steps over pages with the model's own forward pass.

    Raises:
        UserError: the model does not work over pages.
    """
    prompt, steps, pages = _tokens(decoder, 12, seed=4), _tokens(decoder, 3, seed=5), [1]
    decoder.pages.resize(2)
    decoder.pages.zero(pages)
    try:
        decoder.prefill([Reading(prompt, pages)])
        stepped = [decoder.step([token], [len(prompt) + index], [pages])[0].copy() for index, token in enumerate(steps)]
        whole = [decoder.plain([*prompt, *steps[: index + 1]]) for index in range(len(steps))]
    except (AttributeError, TypeError, ValueError, IndexError, NotImplementedError) as error:
        raise UserError(f"{name} cannot run on the hf engine: {type(error).__name__}: {error}") from error
    off = np.mean([np.std(ours - theirs) / np.std(theirs) for ours, theirs in zip(stepped, whole, strict=True)])
    if not off < (_OFF if decoder.dtype == torch.float32 else _OFF_HALF):  # NaN fails this comparison too
        raise UserError(
            f"{name} cannot run on the hf engine: decoding with the cache gives different logits than one forward pass"
        )


def _tokens(decoder: Decoder, count: int, seed: int) -> list[int]:
    return [(seed * 7919 + index * 104729) % decoder.vocabulary for index in range(count)]
