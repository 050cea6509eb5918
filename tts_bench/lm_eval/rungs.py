"""What each strategy answered at each rung, handed to lm-eval rung by rung; its scores, put back into the records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from tts_bench.analysis.pool import pool
from tts_bench.records import ErrorRecord, Record, SegmentRecord

Key = tuple[str, int, int]  # task, document, repeat
Document = tuple[str, int]
Scores = dict[Document, dict[str, float]]

_SIBLING = ErrorRecord("nothing", "another repeat of this document failed, so lm-eval cannot score it")


@dataclass
class Rungs:
    """Answer texts by strategy and problem, without the documents on which the strategy failed.

    `ballots` has the texts of a vote that no rung shows, one for each extracted answer: what they score is needed for
    votes of other samples than the first ones.
    """

    texts: dict[str, dict[Key, tuple[str, ...]]] = field(default_factory=dict)
    failed: dict[str, set[Document]] = field(default_factory=dict)
    ballots: dict[str, dict[Document, dict[str | None, str]]] = field(default_factory=dict)
    _scores: dict[str, dict[Document, list[dict[str, float]]]] = field(default_factory=dict)
    _ballot_scores: dict[str, dict[Document, list[dict[str, float]]]] = field(default_factory=dict)

    @staticmethod
    def of(records: Iterable[Record], read: Callable[[str], str]) -> Rungs:
        """`read` turns the text of an answer's segment into what the scorer reads."""
        rungs, repeated = Rungs(), set()
        for record in records:
            if record.repeat:  # lm-eval scores the repeats of a document together
                repeated.add(record.task)
            if record.error:
                rungs.failed.setdefault(record.strategy, set()).add(record.key[:2])
            else:
                once: dict[str, str] = {}  # rungs of a vote mostly say the same: one text for all of them
                answers = tuple(once.setdefault(answer.text, answer.text) for answer in record.answers)
                rungs.texts.setdefault(record.strategy, {})[record.key] = answers
                shown = {answer.extracted for answer in record.answers}
                unseen = {b.extracted: read(b.text) for b in reversed(pool(record)) if b.extracted not in shown}
                rungs.ballots.setdefault(record.strategy, {})[record.key[:2]] = unseen
        for strategy, failed in rungs.failed.items():
            answered = rungs.texts.get(strategy, {})
            rungs.texts[strategy] = {key: texts for key, texts in answered.items() if key[:2] not in failed}
        for strategy, ballots in rungs.ballots.items():
            failed = rungs.failed.get(strategy, set())
            for document in [document for document in ballots if document[0] in repeated or document in failed]:
                del ballots[document]
        return rungs

    def count(self, strategy: str) -> int:
        """Rungs of the problem with the most."""
        return max((len(texts) for texts in self.texts.get(strategy, {}).values()), default=0)

    def at(self, strategy: str, rung: int) -> dict[Key, str]:
        """The last answer yielded by `rung` (from 0) for every problem."""
        return {key: texts[min(rung, len(texts) - 1)] for key, texts in self.texts[strategy].items()}

    def put(self, strategy: str, scores: Scores) -> None:
        """lm-eval's scores of the strategy's next rung."""
        _append(self._scores.setdefault(strategy, {}), scores)

    def unseen(self, strategy: str) -> Iterator[dict[Key, str]]:
        """The texts of `ballots` in as few passes as there can be: each document's first, second, ..."""
        ballots = {document: list(texts.values()) for document, texts in self.ballots.get(strategy, {}).items()}
        for place in range(max(map(len, ballots.values()), default=0)):
            yield {(*document, 0): texts[place] for document, texts in ballots.items() if place < len(texts)}

    def put_unseen(self, strategy: str, scores: Scores) -> None:
        """lm-eval's scores of the next pass of `unseen`."""
        _append(self._ballot_scores.setdefault(strategy, {}), scores)

    def scored(self, records: Iterable[Record]) -> Iterator[Record]:
        """The records with the scores of their answers; a document that was not scored is an error."""
        for record in records:
            if record.error:
                yield record
            elif record.key[:2] in self.failed.get(record.strategy, ()):
                yield replace(record, error=_SIBLING)
            else:
                by_rung = self._scores[record.strategy][record.key[:2]]
                answers = tuple(replace(answer, scores=by_rung[index]) for index, answer in enumerate(record.answers))
                yield replace(record, answers=answers, segments=self._with_ballots(record))

    def _with_ballots(self, record: Record) -> tuple[SegmentRecord, ...]:
        """The record's segments, the first ballot of each extracted answer that no rung shows with its scores."""
        document = record.key[:2]
        names = self.ballots.get(record.strategy, {}).get(document, {})
        by_pass = self._ballot_scores.get(record.strategy, {}).get(document, [])
        scores = dict(zip(names, by_pass, strict=True))
        scored = {ballot.origin: scores[ballot.extracted] for ballot in pool(record) if ballot.extracted in scores}
        return tuple(replace(segment, scores=scored.get(segment.origin, {})) for segment in record.segments)


def _append(lists: dict[Document, list[dict[str, float]]], scores: Scores) -> None:
    for document, found in scores.items():
        lists.setdefault(document, []).append(found)
