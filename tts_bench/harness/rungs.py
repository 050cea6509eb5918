"""What each strategy answered at each rung, handed to lm-eval rung by rung; its scores, put back into the records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from tts_bench.records import ErrorRecord, Record

Key = tuple[str, int, int]  # task, document, repeat
Document = tuple[str, int]
Scores = dict[Document, dict[str, float]]

_SIBLING = ErrorRecord("nothing", "another repeat of this document failed, so that lm-eval cannot score it")


@dataclass
class Rungs:
    """Answer texts by strategy and problem, without the documents on which the strategy failed."""

    texts: dict[str, dict[Key, tuple[str, ...]]] = field(default_factory=dict)
    failed: dict[str, set[Document]] = field(default_factory=dict)
    _scores: dict[str, list[Scores]] = field(default_factory=dict)

    @staticmethod
    def of(records: Iterable[Record]) -> Rungs:
        rungs = Rungs()
        for record in records:
            if record.error:
                rungs.failed.setdefault(record.strategy, set()).add(record.key[:2])
            else:
                answers = tuple(answer.text for answer in record.answers)
                rungs.texts.setdefault(record.strategy, {})[record.key] = answers
        for strategy, failed in rungs.failed.items():
            answered = rungs.texts.get(strategy, {})
            rungs.texts[strategy] = {key: texts for key, texts in answered.items() if key[:2] not in failed}
        return rungs

    def count(self, strategy: str) -> int:
        """Rungs of the problem with the most."""
        return max((len(texts) for texts in self.texts.get(strategy, {}).values()), default=0)

    def at(self, strategy: str, rung: int) -> dict[Key, str]:
        """The last answer yielded by `rung` (from 0) for every problem."""
        return {key: texts[min(rung, len(texts) - 1)] for key, texts in self.texts[strategy].items()}

    def put(self, strategy: str, scores: Scores) -> None:
        """lm-eval's scores of the strategy's next rung."""
        self._scores.setdefault(strategy, []).append(scores)

    def scored(self, records: Iterable[Record]) -> Iterator[Record]:
        """The records with the scores of their answers; a document that was not scored is an error."""
        for record in records:
            if record.error:
                yield record
            elif record.key[:2] in self.failed.get(record.strategy, ()):
                yield replace(record, error=_SIBLING)
            else:
                by_rung = self._scores[record.strategy]
                answers = tuple(
                    replace(answer, scores=by_rung[index][record.key[:2]])
                    for index, answer in enumerate(record.answers)
                )
                yield replace(record, answers=answers)
