"""Random pools of answers and scores, for rules that are held against an independent implementation."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from tests.scripts import rambler
from tts_bench.engines.scripted import END, END_THINK, THINK, Draw

POOLS = 1000


def pools(seed: int, *, most: int = 16, silent: float = 0.2) -> Iterator[list[str | None]]:
    """Answers of 1 to `most` samples, of which a share of `silent` has none; some pools agree, others scatter."""
    draw = Random(seed)
    for _ in range(POOLS):
        weights = [draw.random() ** draw.choice((1, 3, 9)) for _ in range(draw.randint(1, 6))]
        said = draw.choices("abcdef"[: len(weights)], weights, k=draw.randint(1, most))
        yield [None if draw.random() < silent else each for each in said]


def scored(seed: int, *, levels: int | None = None) -> Iterator[tuple[list[str | None], list[float]]]:
    """Pools with a score from 0 to 1 for each sample; of `levels` values, so that some are equal."""
    draw = Random(f"scores {seed}")
    for said in pools(seed):
        yield said, [draw.random() if levels is None else draw.randrange(levels) / levels for _ in said]


def silent(text: str, draw: Draw) -> str:
    """Never gives an answer that can be extracted."""
    return END if END_THINK in text.partition(THINK)[2] else f"hm{END_THINK}"


def shy(text: str, draw: Draw) -> str:
    """The rambler, of whose answers every second cannot be extracted."""
    said = END_THINK in text.partition(THINK)[2]
    return END if said and draw(1) < 0.5 else rambler(text, draw)


def unanimous(text: str, draw: Draw) -> str:
    """The rambler, which always answers alike."""
    return f"\\boxed{{7}}{END}" if END_THINK in text.partition(THINK)[2] else rambler(text, draw)
