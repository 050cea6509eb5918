"""Records of strategies that vote, made up from what each sample said: what a run leaves, without a model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tts_bench.api import Cost
from tts_bench.records import AnswerRecord, ErrorRecord, Record, SegmentRecord

GOLD = "g"  # the right answer of every problem
TOKENS = 10  # of each sample's thinking, and half as many of its answer


def _segment(kind: str, origin: str, start: int, extracted: str | None = None) -> SegmentRecord:
    scores = {"strict": float(extracted == GOLD)} if kind == "answer" else {}
    return SegmentRecord(kind, origin, 5, 1, 0, start, origin, origin, extracted, scores)  # type: ignore[arg-type]


def sampled(
    said: Sequence[str | None],
    counted: Sequence[Sequence[int]],
    *,
    doc: int = 0,
    repeat: int = 0,
    task: str = "sums",
    strategy: str = "vote",
    spent: int | None = None,
    right: Sequence[float] | None = None,
) -> Record:
    """A record of samples that said `said`; rung k is a vote of the samples `counted[k]`, which may be there twice.

    `spent` is the number of samples that were made; all that were counted by default. `right` replaces the scores.
    """
    segments = [_segment("prompt", "p", 0)]
    for place, answer in enumerate(said):
        segments += [_segment("thinking", f"t{place}", 5), _segment("answer", f"a{place}", 20, answer)]
    answers = []
    for rung, ballots in enumerate(counted):
        votes = Counter(said[place] for place in ballots if said[place] is not None)
        winner = max(votes, key=votes.__getitem__) if votes else None
        once = list(dict.fromkeys(ballots))
        lineage = (0, *(part for place in once for part in (1 + 2 * place, 2 + 2 * place)))
        score = float(winner == GOLD) if right is None else right[rung]
        cost = _cost(len(once))
        answers.append(
            AnswerRecord(
                str(rung + 1), str(winner), winner, cost, lineage, False, 0, 0, {"strict": score}, ballots=len(ballots)
            )
        )
    return Record(
        task, doc, repeat, f"{task}/{doc}", strategy, tuple(segments), tuple(answers), _cost(spent or len(said))
    )


def _cost(samples: int) -> Cost:
    return Cost(5, TOKENS * samples, 0, TOKENS // 2 * samples, TOKENS * 3 // 2, 1e6 * samples)


def plain(said: Sequence[str | None], **options: object) -> Record:
    """A vote of the first k samples at rung k."""
    return sampled(said, [range(k) for k in range(1, len(said) + 1)], **options)  # type: ignore[arg-type]


def broken(doc: int, task: str = "sums", strategy: str = "vote", repeat: int = 0) -> Record:
    error = ErrorRecord("raised", "ValueError: no (mine.py:3)")
    return Record(task, doc, repeat, f"{task}/{doc}", strategy, (), (), Cost(), error)
