"""Records made up for the tests of the analysis: their numbers are chosen, not measured."""

from __future__ import annotations

import math
from collections.abc import Iterator

from tts_bench.api import Cost
from tts_bench.records import AnswerRecord, ErrorRecord, Record
from tts_bench.streams import uniform


def answer(
    score: float = 1.0,
    *,
    rung: str = "0",
    thinking: int = 100,
    extracted: str | None = "42",
    truncated: bool = False,
    cues: tuple[int, int] = (0, 0),
    lenient: float | None = None,
) -> AnswerRecord:
    """`cues`: wanted and put in. The cost has 3 forced tokens and 10 of answer besides `thinking`."""
    cost = Cost(prompt=50, thinking=thinking, forced=3, answer=10, sequential=thinking // 2, flops=2.0e6 * thinking)
    scores = {"exact_match": score} if lenient is None else {"exact_match": score, "lenient": lenient}
    return AnswerRecord(rung, "text", extracted, cost, (), truncated, *cues, scores)


def record(
    *answers: AnswerRecord,
    doc: int = 0,
    task: str = "gsm8k",
    strategy: str = "baseline",
    error: ErrorRecord | None = None,
) -> Record:
    return Record(task, doc, 0, f"{task}/{doc}", strategy, (), answers, Cost(), error)


def failed(*answers: AnswerRecord, doc: int = 0, task: str = "gsm8k", strategy: str = "baseline") -> Record:
    return record(*answers, doc=doc, task=task, strategy=strategy, error=ErrorRecord("raised", "ValueError: no"))


ARMS: dict[str, list[tuple[str, float, float]]] = {  # rungs: name, mean thinking tokens, chance of a right answer
    "baseline:budgets=64+128+256": [(str(2**k), 0.8 * 2**k, 0.1 + 0.08 * (k - 6)) for k in (6, 7, 8)],
    "budget-forcing:extensions=4,cue=Wait": [(str(k), 190 + 60 * k, 0.25 + 0.02 * k) for k in range(5)],
    "majority-vote:samples=64": [(str(k), 190.0 * k, 0.25 + 0.055 * math.log2(k)) for k in range(1, 65)],
    "learned-token:path=ct.safetensors": [(str(k), 195 + 45 * k, 0.26 + 0.035 * k) for k in range(3)],
}


def made_up(tasks: tuple[str, ...] = ("gsm8k",), n: int = 100, arms: tuple[str, ...] = tuple(ARMS)) -> Iterator[Record]:
    """Plausible records of `arms` on `tasks`: a problem's luck is shared by its rungs and arms."""
    for place, task in enumerate(tasks):
        for strategy in arms:
            for doc in range(n):
                luck, length = uniform(task, doc), 0.5 + uniform(f"{task} length", doc)
                yield record(
                    *(
                        answer(
                            float(luck < chance * (1 - 0.2 * place)),
                            rung=rung,
                            thinking=round(tokens * length * (1 + place)),
                            extracted=None if luck > 0.97 else "42",
                            truncated="baseline" in strategy and index < 2 and luck > 0.3,
                            cues=(index, index if luck < 0.9 else 0) if "cue=" in strategy else (0, 0),
                        )
                        for index, (rung, tokens, chance) in enumerate(ARMS[strategy])
                    ),
                    doc=doc,
                    task=task,
                    strategy=strategy,
                )
