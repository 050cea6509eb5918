"""Drawing samples in index order until a rule says that the vote is decided."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from tts_bench.api import Answer, Reasoner
from tts_bench.strategies.sampling import pool

Said = Sequence[str | None]  # extracted answers, in the order of the samples


async def drawn(
    reasoner: Reasoner, totals: Iterable[int], decided: Callable[[Said], bool], budget: int | None
) -> list[Answer]:
    """Draw samples up to each of the rising `totals` in turn, until the vote is `decided`."""
    answers: list[Answer] = []
    for total in totals:
        answers += await pool(reasoner, range(len(answers), total), budget, seen=answers)
        if decided([answer.extracted for answer in answers]):
            break
    return answers
