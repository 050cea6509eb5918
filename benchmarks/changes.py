"""How answers change after a cue or a second look, and where a weighted vote differs from a plain one: from records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tts_bench.analysis.pool import pool
from tts_bench.analysis.table import Grid
from tts_bench.records import AnswerRecord, Record
from tts_bench.tasks.answers.classes import classify


@dataclass
class Changes:
    """Answers on a rung and on the first one, in numbers of problems; answers of one mathematical class are equal."""

    problems: int = 0
    cued: int = 0  # with all cues put in: thinking that runs into its budget gets none
    changed: int = 0
    gained: int = 0
    lost: int = 0
    uncut: int = 0  # where no thinking of the two answers ran into its budget
    uncut_gained: int = 0
    uncut_lost: int = 0

    def add(self, first: AnswerRecord, last: AnswerRecord, metric: str) -> None:
        before, after = (answer.scores[metric] for answer in (first, last))
        self.problems += 1
        self.cued += last.cues == last.cues_wanted > 0
        self.changed += _class(first.extracted) != _class(last.extracted)
        self.gained += after > before
        self.lost += after < before
        if not first.truncated and not last.truncated:
            self.uncut += 1
            self.uncut_gained += after > before
            self.uncut_lost += after < before


def changes(records: Iterable[Record], metric: str) -> dict[str, Changes]:
    """By rung, for the records of one strategy: each rung after the first, beside the first."""
    found: dict[str, Changes] = {}
    for record in finished(records):
        for answer in record.answers[1:]:
            found.setdefault(answer.rung, Changes()).add(record.answers[0], answer, metric)
    return found


@dataclass
class Cut:
    """Answers of a rung whose thinking ran into its budget, and those of them whose thinking repeats itself."""

    problems: int = 0
    cut: int = 0
    repeating: int = 0


def cut(records: Iterable[Record]) -> dict[str, Cut]:
    """By rung, for the records of one strategy."""
    found: dict[str, Cut] = {}
    for record in finished(records):
        for answer in record.answers:
            counts = found.setdefault(answer.rung, Cut())
            lineage = [record.segments[place] for place in answer.segments]
            counts.problems += 1
            counts.cut += answer.truncated
            counts.repeating += answer.truncated and repeats(
                "".join(one.text for one in lineage if one.kind == "thinking")
            )
    return found


def repeats(thinking: str, letters: int = 100, times: int = 3) -> bool:
    """Whether its last letters stand in it so often, word for word."""
    return thinking.count(thinking[-letters:]) >= times


@dataclass
class Ties:
    """The difference between a weighted and a plain vote of the same samples, in sums of scores over problems."""

    problems: int = 0
    tied: int = 0  # where two answers or more have the most votes
    on_tied: float = 0.0
    on_others: float = 0.0


def ties(votes: Iterable[Record], plain: Grid, weighted: Grid) -> Ties:
    """Of a plain vote, by its `votes` and its grid, and of another vote of all its samples. The last rung of each."""
    found = Ties()
    difference = dict(zip(plain.documents, weighted.score[:, -1] - plain.expected[:, -1], strict=True))
    for record in finished(votes):
        said = Counter(_class(ballot.extracted) for ballot in pool(record) if ballot.extracted is not None)
        most = [count for _, count in said.most_common(2)]
        found.problems += 1
        if len(most) == 2 and most[0] == most[1]:
            found.tied += 1
            found.on_tied += float(difference[record.doc_id])
        else:
            found.on_others += float(difference[record.doc_id])
    return found


def finished(records: Iterable[Record]) -> Iterator[Record]:
    return (record for record in records if not record.error)


def _class(extracted: str | None) -> str | None:
    return None if extracted is None else classify(extracted)
